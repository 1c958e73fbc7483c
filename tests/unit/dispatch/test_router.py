"""Which handlers a notification is work for."""

from __future__ import annotations

from mycel_runtime.dispatch.router import HandlerRouter
from mycel_runtime.journal.entries import ChatWork, EventWork
from mycel_runtime.plugin.subscription import FrameSubscription, MessageSubscription
from mycel_runtime.wire.frames import Notify

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


def test_a_message_is_work_of_every_handler_of_messages():
    """Filters need the body, which is read when the delivery runs."""
    work = ROUTER.route(notify(event_type="chat.message", chat_id="c", message_seq=4))

    assert work == (
        EventWork(handler="b.all", lane="chat:c", chat_id="c"),
        ChatWork(handler="a.any", lane="chat:c", chat_id="c", wanted_seq=4),
        ChatWork(handler="a.mentions", lane="chat:c", chat_id="c", wanted_seq=4),
    )


def test_q34_a_message_without_a_number_asks_for_one_more_look():
    work = ROUTER.route(notify(event_type="chat.message", chat_id="c"))

    assert {each.wanted_seq for each in work if isinstance(each, ChatWork)} == {None}


def test_an_event_goes_to_the_handlers_whose_pattern_it_matches():
    work = ROUTER.route(notify(event_type="relationship.requested", relationship_id="r"))

    assert work == (
        EventWork(handler="b.relations", lane="relationship:r"),
        EventWork(handler="b.all", lane="relationship:r"),
    )


def test_metadata_of_wrong_types_routes_to_the_inbox_lane():
    work = ROUTER.route(notify(event_type="new.type", relationship_id=7, chat_id=["x"]))

    assert work == (EventWork(handler="b.all", lane="inbox"),)


def test_a_message_without_a_chat_is_no_chat_work():
    assert ROUTER.route(notify(event_type="chat.message")) == (EventWork(handler="b.all", lane="inbox"),)
