"""
Whose turn it is.

Keeps: one delivery per lane at a time, in order, lanes side by side up to a bound; at least once; the backend's
trouble spends no attempt; a handler that raises, exits or never ends costs its own delivery only. What a run has
changed of its plugin's state stands once its delivery is finished, and not otherwise; a timer is late rather than
never.
Imports `plugin`, `speech`, `journal` and below; does not know `inbox`.
"""
