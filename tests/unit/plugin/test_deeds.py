"""What a decision comes to, by what stands before it and after it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mycel_runtime.errors import ConflictError, NotFoundError, PermissionDeniedError, ServerError
from mycel_runtime.observe.observer import FanOut
from mycel_runtime.plugin.deeds import Deeds
from mycel_runtime.plugin.subject import Subject
from mycel_runtime.speech.interrupts import UnansweredError

METADATA = {"relationship_id": "r", "chat_id": "c", "chat_join_request_id": "j"}


def subject(state, created_at="then"):
    if state == "none":
        return Subject(key="r", version="none", row=None)
    return Subject(key="r", version=f"{state}@{created_at}", row={"created_at": created_at})


class Server:
    """Shows one state after the other, and answers each decision with the same."""

    def __init__(self, states, answer=None):
        self.states, self.answer, self.asked = list(states), answer, []
        decide = SimpleNamespace(
            approve=self._as("approve"),
            reject=self._as("reject"),
            approve_join=self._as("approve"),
            reject_join=self._as("reject"),
        )
        self.sdk = SimpleNamespace(relationships=decide, chats=decide)

    def _as(self, deed):
        async def ask(*_):
            self.asked.append(deed)
            if self.answer is not None:
                raise self.answer

        return ask

    async def read(self, kind, metadata):
        state = self.states.pop(0)
        if isinstance(state, Exception):
            raise state
        return state


def deeds(server, shown, kind="relationship"):
    return Deeds(kind=kind, metadata=METADATA, shown=shown, reader=server, handler="p.h", observer=FanOut([]))


PENDING, AGAIN = subject("pending"), subject("pending", "now")


@pytest.mark.parametrize(
    ("deed", "now", "stands"),
    [
        ("approve", subject("visit"), True),
        ("approve", subject("hire"), True),
        ("approve", subject("approved"), True),
        ("approve", subject("none"), False),
        ("approve", subject("rejected"), False),
        ("approve", AGAIN, False),
        ("approve", None, False),
        ("reject", subject("none"), True),
        ("reject", subject("rejected"), True),
        ("reject", AGAIN, True),
        ("reject", subject("visit"), False),
        ("reject", subject("approved"), False),
        ("reject", None, False),
    ],
)
async def test_what_does_not_wait_any_more_is_not_decided(deed, now, stands):
    server = Server([now])
    port = deeds(server, PENDING)

    assert await (port.approve() if deed == "approve" else port.reject("")) is stands
    assert server.asked == []


@pytest.mark.parametrize("kind", ["relationship", "join_request"])
async def test_what_waits_is_decided_once(kind):
    server = Server([PENDING])

    assert await deeds(server, PENDING, kind).reject("")
    assert server.asked == ["reject"]
    assert server.states == []


@pytest.mark.parametrize("answer", [ConflictError(409, "x"), NotFoundError(404, "x"), ServerError(500, "x")])
@pytest.mark.parametrize(
    ("after", "stands"), [(subject("visit"), True), (subject("none"), False), (AGAIN, False)]
)
async def test_after_a_failure_what_stands_counts(answer, after, stands):
    server = Server([PENDING, after], answer)

    assert await deeds(server, PENDING).approve() is stands


async def test_what_waits_after_a_failure_is_tried_again_if_nobody_has_answered():
    with pytest.raises(UnansweredError):
        await deeds(Server([PENDING, PENDING], ServerError(500, "x")), PENDING).approve()
    with pytest.raises(UnansweredError):
        await deeds(Server([ServerError(503, "x")]), PENDING).approve()


@pytest.mark.parametrize("answer", [PermissionDeniedError(403, "x"), ConflictError(409, "your own request")])
async def test_a_refusal_is_the_handlers_to_know(answer):
    with pytest.raises(type(answer)):
        await deeds(Server([PENDING, PENDING], answer), PENDING).approve()


async def test_what_was_not_shown_is_not_decided():
    server = Server([PENDING])

    assert not await deeds(server, None).approve()
    assert server.asked == []
