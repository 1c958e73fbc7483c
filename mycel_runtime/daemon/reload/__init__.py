"""
Configuration files are read again while their agents live: by SIGHUP, or by `mycel-runtime reload`.

A file that is wrong changes nothing. Of one that is right what may change under a running agent changes at once, and
what may not is named key by key.
"""
