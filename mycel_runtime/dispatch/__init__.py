"""
Whose turn it is.

Keeps: one delivery per lane at a time, in order, lanes side by side up to a bound; at least once; the backend's
trouble spends no attempt; a handler that raises, exits or never ends costs its own delivery only.
Imports `plugin`, `speech`, `journal` and below; does not know `inbox`.
"""
