"""
The page and the probes over TCP: one listener per process, for those of its agents whose file names it.

A request's way: `connection` bounds what a client may cost, `guard` refuses what is not meant for us, `routes`
answers, by `overview`, `conversations`, `samples` and `recent_facts` for what is shown and by `acts` for what is
changed. Imported only where `[http] listen` is set.
"""
