"""
How we answer.

Keeps: a handler's n-th send of a turn is stored by the backend at most once, whatever dies and whenever: an
intent is journaled first, and after a crash or a lost answer the chat's history is read before anything is
sent again. A send goes out only when everything before it has been shown to the handler.
Imports `sdk`, `journal` and below; contexts and attempts use it.
"""
