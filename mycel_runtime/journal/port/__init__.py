"""
The journal's verbs, in four protocols along its users: listener, dispatcher, speech, operator.

`inbox`, `dispatch` and `speech` know these only. Every engine passes one conformance suite
(`tests/integration/journal/conformance.py`); a handler cannot tell which engine serves it.

Order: verbs take effect in the order in which a process calls them, also where it awaits no answer between.

Cancelling: every verb commits or does nothing. A cancelled caller still waits for the commit's end, which is
bounded, and then is cancelled: no verb is left half done.
"""
