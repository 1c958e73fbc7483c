"""Where a delivery is, and what may happen to it there."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class DeliveryState(StrEnum):
    """Where a delivery is."""

    IDLE = "idle"
    """You are here when a chat has nothing that the handler has not been given."""
    DUE = "due"
    """You are here while there is work and nobody has claimed it; also while waiting for a retry."""
    RUNNING = "running"
    """You are here while claimed; a process that dies leaves you here until the next one recovers you."""


class DeliveryEvent(StrEnum):
    """What can happen to a delivery."""

    WANT = "want"
    CLAIM = "claim"
    FINISH = "finish"
    POSTPONE = "postpone"
    BURY = "bury"
    RECOVER = "recover"


DELIVERY_TRANSITIONS: Final[dict[tuple[DeliveryState, DeliveryEvent], frozenset[DeliveryState]]] = {
    (DeliveryState.IDLE, DeliveryEvent.WANT): frozenset({DeliveryState.IDLE, DeliveryState.DUE}),
    (DeliveryState.DUE, DeliveryEvent.WANT): frozenset({DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.WANT): frozenset({DeliveryState.RUNNING}),
    (DeliveryState.DUE, DeliveryEvent.CLAIM): frozenset({DeliveryState.RUNNING}),
    (DeliveryState.RUNNING, DeliveryEvent.FINISH): frozenset({DeliveryState.IDLE, DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.POSTPONE): frozenset({DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.BURY): frozenset({DeliveryState.IDLE, DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.RECOVER): frozenset({DeliveryState.DUE}),
}
"""Where an event may lead. A pair that is missing is illegal: the engine refuses it (a lost claim)."""
