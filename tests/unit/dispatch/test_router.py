"""Which handlers a notification is work for."""

from __future__ import annotations

import pytest

from mycel_runtime.dispatch.router import HandlerRouter
from mycel_runtime.journal.work import ChatWork, EventWork
from mycel_runtime.plugin.subscription import FrameSubscription, MessageSubscription
from mycel_runtime.wire.frames import Notify

KINDS = ("relationship", "join_request", "chat", "workflow_event")

ROUTER = HandlerRouter(
    {
        "a.any": MessageSubscription(),
        "a.mentions": MessageSubscription(mention=True),
        "b.relations": FrameSubscription(pattern="relationship.*"),
        "b.all": FrameSubscription(pattern="*"),
    }
)


def notify(**metadata):
    return Notify(seq=1, fingerprint="", ts=None, metadata=metadata)


def test_an_announced_chat_is_work_of_every_handler_of_messages():
    """Filters need the body, which is read when the delivery runs."""
    assert ROUTER.route_chat("c", 4) == (
        ChatWork(handler="a.any", lane="chat:c", chat_id="c", wanted_seq=4),
        ChatWork(handler="a.mentions", lane="chat:c", chat_id="c", wanted_seq=4),
    )


def test_q34_a_message_without_a_number_asks_for_one_more_look():
    assert {work.wanted_seq for work in ROUTER.route_chat("c", None)} == {None}


def test_the_notification_of_a_message_is_an_event_too():
    work = ROUTER.route_event(notify(event_type="chat.message", chat_id="c", message_seq=4))

    assert work == (EventWork(handler="b.all", lane="chat:c", chat_id="c"),)


def test_an_event_goes_to_the_handlers_whose_pattern_it_matches():
    work = ROUTER.route_event(notify(event_type="relationship.requested", relationship_id="r"))

    assert work == (
        EventWork(handler="b.relations", lane="relationship:r"),
        EventWork(handler="b.all", lane="relationship:r"),
    )


def test_metadata_of_wrong_types_routes_to_the_inbox_lane():
    work = ROUTER.route_event(notify(event_type="new.type", relationship_id=7, chat_id=["x"]))

    assert work == (EventWork(handler="b.all", lane="inbox"),)


@pytest.mark.parametrize(
    ("event_type", "kinds"),
    [
        ("relationship.requested", ["relationship"]),
        ("relationship.rejected", ["relationship"]),
        ("relationship.changed", ["relationship"]),
        ("chat.join_request.changed", ["join_request"]),
        ("chat.joined", ["chat"]),
        ("chat.left", ["chat"]),
        ("chat.join.rejected", ["chat"]),
        ("chat.workflow.event", ["workflow_event"]),
        ("chat.workflow_event.changed", ["workflow_event"]),
        ("chat.message", []),
        ("new.type", []),
    ],
)
def test_an_event_goes_to_the_handlers_of_its_kind(event_type, kinds):
    router = HandlerRouter({f"k.{kind}": FrameSubscription(kind=kind) for kind in KINDS})

    assert [work.handler for work in router.route_event(notify(event_type=event_type))] == [
        f"k.{kind}" for kind in kinds
    ]


def test_what_no_handler_hears_of_is_not_wanted():
    router = HandlerRouter(
        {"a.any": MessageSubscription(), "k.workflow_event": FrameSubscription(kind="workflow_event")}
    )

    assert router.wants_event("chat.workflow_event.changed")
    assert not router.wants_event("relationship.changed")
    assert ROUTER.wants_event("relationship.changed")


def test_only_who_hears_of_requests_is_told_what_waits():
    router = HandlerRouter(
        {f"k.{kind}": FrameSubscription(kind=kind) for kind in KINDS}
        | {"k.frames": FrameSubscription(pattern="relationship.*"), "k.messages": MessageSubscription()}
    )

    assert router.deciders("relationship") == ("k.relationship",)
    assert router.deciders("join_request") == ("k.join_request",)
