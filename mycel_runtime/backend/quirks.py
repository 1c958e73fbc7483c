"""
The server's quirks, one switch each, on by default.

A switch that is off makes the backend kinder than the real one; a test that turns one off says so.

Source: contract section 6 (what each does and where it was seen) and section 8 (which must be reproduced).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """
    What this server does that a kinder one would not.

    Attributes:
        double_wake: Q8. Every wake arrives twice.
        wake_evaporates: Q6. A wake without a handler is gone. Off: the next handler gets it.
        one_handler: Q10. The newest subscriber of an inbox silently takes all wakes.
        cleanup_deafens: Q11. The end of a connection unregisters whoever is registered.
        wake_beats_resume: Q14. A wake that comes before the first message makes the server ignore it.
        handshake_500: Q18. A bad token refuses the handshake with 500. Off: 403.
        batch_cut: Q45. The socket sends at most 256 items of one drain.
        poison_chat: Q20. A chat that cannot be shown fails the whole list and the whole drain.
        queue_lost_first: Q20, Q25. The queue is emptied before the projection is known to work.
        check_then_write: Q28. Others may speak between the caught-up check and the write.
        mention_silences: Q32. A mention wakes nobody but the mentioned.
        bad_before_500: Q31. A `before` that is no number is a 500. Off: 422.
        cursor_unbounded: Q38. `up_to_seq` may lie beyond the newest message.
        past_is_unread: Q37. The whole past is unread for a new member.
    """

    double_wake: bool = True
    wake_evaporates: bool = True
    one_handler: bool = True
    cleanup_deafens: bool = True
    wake_beats_resume: bool = True
    handshake_500: bool = True
    batch_cut: bool = True
    poison_chat: bool = True
    queue_lost_first: bool = True
    check_then_write: bool = True
    mention_silences: bool = True
    bad_before_500: bool = True
    cursor_unbounded: bool = True
    past_is_unread: bool = True
