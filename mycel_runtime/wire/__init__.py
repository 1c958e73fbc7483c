"""
What is said: the words of the Mycel contract, without I/O, clock or event loop.

Keeps: a frame's JSON keys are spelled in `codec` only; unknown fields survive; nothing a server sends can
make decoding raise. Imports nothing of ours but `errors`; everybody may import it, the local backend too.
"""
