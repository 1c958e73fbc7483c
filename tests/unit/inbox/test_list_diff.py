"""What changed on the server without a notification."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox import list_diff as inbox_list_diff
from mycel_runtime.inbox.list_diff import (
    chat_records,
    join_request_records,
    left,
    relationship_records,
    told_versions,
    welcome,
    workflow_event_records,
)
from mycel_runtime.journal.told import told_kind

CHAT = {"id": "c", "title": "t"}
ALL = frozenset({"chat", "relationship"})


def relationship(state="visit", created_at="then"):
    return {
        "id": "r",
        "other_user_id": "you",
        "state": state,
        "is_requester": False,
        "created_at": created_at,
    }


def compare(known, records, complete, *, now, told=None):
    """All kinds were asked for."""
    asked = ALL | {"join_request", "workflow_event"}
    return inbox_list_diff.compare(known, records, asked=asked, complete=complete, now=now, told=told)


def known_of(news, known=()):
    """The snapshot after these changes."""
    after = dict(known)
    for each in news:
        key = (each.change.kind, each.change.key)
        if each.change.state is None:
            del after[key]
        else:
            after[key] = each.change.state
    return after


def told(news):
    return [dict(each.event.metadata) for each in news if each.event is not None]


def test_what_is_there_at_the_first_look_is_no_news():
    records = chat_records([CHAT]) + relationship_records([relationship()])

    news = compare({}, records, ALL, now=1.0)

    assert told(news) == []
    assert compare(known_of(news), records, ALL, now=2.0) == []


@given(st.data())
def test_the_same_lists_once_more_are_no_news_and_no_change(data):
    """Whatever was known: so nobody need read that again while nobody else changes it."""
    titles = st.lists(st.sampled_from("abcd"), unique=True)
    states = st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["pending", "visit", "revoked"]))
    known = {}
    for now in range(data.draw(st.integers(1, 4))):
        records = chat_records([{"id": each, "title": each} for each in data.draw(titles)])
        records += relationship_records(
            [relationship(state) | {"id": key} for key, state in data.draw(states).items()]
        )
        complete = data.draw(st.sampled_from([ALL, frozenset({"chat"}), frozenset({"relationship"})]))
        known = known_of(compare(known, records, complete, now=now), known)

        assert compare(known, records, complete, now=now) == []


def test_a_first_look_at_nothing_makes_the_next_line_news():
    known = known_of(compare({}, [], ALL, now=1.0))

    assert told(compare(known, chat_records([CHAT]), ALL, now=2.0)) == [
        {
            "event_type": "chat.joined",
            "notification_type": "reconcile",
            "state": "member",
            "previous_state": None,
            "chat_id": "c",
            "title": "t",
        }
    ]


def test_a_changed_state_tells_the_one_before():
    known = known_of(compare({}, relationship_records([relationship()]), ALL, now=1.0))

    (event,) = told(compare(known, relationship_records([relationship("hire")]), ALL, now=2.0))

    assert event["event_type"] == "relationship.changed"
    assert (event["previous_state"], event["state"], event["other_user_id"]) == ("visit", "hire", "you")


def test_a_relationship_that_was_revoked_and_asked_for_again_is_news():
    """Nobody looked in between: its state is the same, and it waits for another decision."""
    known = known_of(compare({}, relationship_records([relationship("pending")]), ALL, now=1.0))

    (event,) = told(compare(known, relationship_records([relationship("pending", "now")]), ALL, now=2.0))

    assert (event["previous_state"], event["state"]) == ("pending", "pending")


def test_what_an_older_journal_knows_of_a_relationship_is_no_news():
    known = {("relationship", ""): "read", ("relationship", "r"): "visit"}

    assert told(compare(known, relationship_records([relationship()]), ALL, now=1.0)) == []
    assert len(told(compare(known, relationship_records([relationship("hire")]), ALL, now=1.0))) == 1


GATE = {"relationship": ["p.gate"]}


def test_what_began_and_ended_between_two_looks_is_news_to_whom_a_frame_told_its_beginning():
    known = {("relationship", ""): "read", (told_kind("p.gate"), "r"): "pending@then"}

    (gone,) = told(compare(known, [], ALL, now=1.0, told=told_versions(known, GATE)))
    assert (gone["previous_state"], gone["state"], gone["relationship_id"]) == ("pending", "none", "r")
    assert told_versions(known, {"relationship": []}) == {}


def test_whose_end_was_told_ends_no_more():
    for line in ("none", "none !buried 1.0 f"):
        assert told_versions({(told_kind("p.gate"), "r"): line}, GATE) == {}


def test_what_a_frame_has_told_before_the_first_look_is_no_past_then():
    known = {(told_kind("p.gate"), "r"): "pending@then"}
    before = told_versions(known, GATE)

    (changed,) = told(compare(known, relationship_records([relationship()]), ALL, now=1.0, told=before))
    assert changed["state"] == "visit"
    known = {(told_kind("p.gate"), "r"): "visit@then"}
    assert told(compare(known, relationship_records([relationship()]), ALL, now=1.0)) == []


def test_who_is_new_is_told_what_is_open_and_is_not_told_anyhow():
    records = relationship_records([relationship("pending"), relationship() | {"id": "settled"}])
    baseline = compare({}, records, ALL, now=1.0)

    assert welcome(["p.new"], "relationship", records, baseline, 1.0).events == ()
    welcomed = welcome(["p.new"], "relationship", records, [], 2.0)
    assert [event.metadata["relationship_id"] for event in welcomed.events] == ["r"]
    assert [(each.kind, each.key) for each in welcomed.changes] == [(told_kind("p.new"), "")]
    assert welcome([], "relationship", records, [], 2.0).changes == ()


def test_who_has_gone_is_new_when_he_comes_back():
    known = {
        (told_kind("p.one"), ""): "read",
        (told_kind("p.two"), ""): "read",
        (told_kind("p.two"), "r"): "x",
    }

    assert [each.kind for each in left(known, ["p.one"])] == [told_kind("p.two")]


def test_what_is_gone_from_a_list_that_was_read_whole_is_news():
    known = known_of(compare({}, chat_records([CHAT]) + relationship_records([relationship()]), ALL, now=1.0))

    events = told(compare(known, [], ALL, now=2.0))

    assert {event["event_type"] for event in events} == {"chat.left", "relationship.changed"}
    assert told(compare(known, [], frozenset(), now=2.0)) == []


def test_a_repeated_join_request_is_news_again():
    def request(created_at, state="pending"):
        return {
            "id": "j",
            "chat_id": "c",
            "requester_user_id": "you",
            "state": state,
            "created_at": created_at,
        }

    kinds = frozenset({"join_request"})
    known = known_of(compare({}, [], kinds, now=0.0))
    first = compare(known, join_request_records([request(1.0)]), frozenset(), now=1.0)
    known = known_of(first, known)
    again = compare(known, join_request_records([request(2.0)]), frozenset(), now=2.0)

    assert [event["state"] for event in told(first) + told(again)] == ["pending", "pending"]
    assert (
        told(compare(known_of(again, known), join_request_records([request(2.0)]), frozenset(), now=3.0))
        == []
    )


def test_a_workflow_event_is_news_with_each_version():
    def event(version):
        return {
            "chat_id": "c",
            "event_id": "1",
            "kind": "k",
            "state": "open",
            "state_version": version,
            "created_at": 1.0,
        }

    known = known_of(compare({}, workflow_event_records([event(0)]), frozenset(), now=0.0))

    (told_event,) = told(compare(known, workflow_event_records([event(1)]), frozenset(), now=1.0))

    assert told_event["state_version"] == 1


def test_somebody_who_waits_for_us_is_news_at_the_first_look_too():
    """The notification may have been lost before there was anything to compare with."""
    asked = relationship("pending")
    own = asked | {"id": "o", "is_requester": True}

    events = told(compare({}, relationship_records([asked, own]), ALL, now=1.0))

    assert [event["relationship_id"] for event in events] == ["r"]


def workflow_events(chat_id, *numbers):
    return workflow_event_records(
        [
            {
                "chat_id": chat_id,
                "event_id": str(number),
                "kind": "k",
                "state": {},
                "state_version": 1,
                "created_at": 5.0,
            }
            for number in numbers
        ]
    )


def compare_events(known, records, *, failed=()):
    return inbox_list_diff.compare(
        known,
        records,
        asked=frozenset({"workflow_event"}),
        complete=frozenset(),
        failed={("workflow_event", chat_id) for chat_id in failed},
        now=1.0,
    )


def test_the_past_of_a_chat_whose_list_could_not_be_read_at_first_is_no_news_later():
    first = compare_events({}, workflow_events("read", 1), failed=["broken"])
    known = known_of(first)

    late = compare_events(known, workflow_events("broken", 1, 2))
    known = known_of(late, known)

    assert told(first) == told(late) == []
    assert [each["event_id"] for each in told(compare_events(known, workflow_events("broken", 3)))] == ["3"]


def test_a_list_that_cannot_be_read_later_keeps_its_baseline():
    known = known_of(compare_events({}, workflow_events("c", 1)))
    known = known_of(compare_events(known, [], failed=["c"]), known)

    assert [each["event_id"] for each in told(compare_events(known, workflow_events("c", 1, 2)))] == ["2"]
