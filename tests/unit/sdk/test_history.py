"""Walking back through pages, however short they are."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.errors import InvalidResponseError, ServerError
from mycel_runtime.sdk import AsyncClient, Client
from mycel_runtime.sdk.history import Walk
from tests.unit.sdk.wire import TOKEN, answer, serving


def messages(seqs):
    return [{"id": f"m{seq}", "seq": seq} for seq in seqs]


def walk(seqs, hidden, **options):
    """Messages of a walk over a server that hides some rows after limiting (contract 1.5), and its page count."""
    steps = Walk(**{"page_size": 200, "max_messages": None, "before": None} | options)
    found, pages = [], 0
    while not steps.is_done:
        page = steps.next_page
        older = [seq for seq in seqs if page["before"] is None or seq < int(page["before"])]
        rows = [seq for seq in older[-page["limit"] :] if seq not in hidden]
        pages += 1
        if not rows:
            break
        found += steps.take(messages(rows))
    return [message["seq"] for message in found], pages


@given(
    seqs=st.lists(st.integers(1, 500), unique=True, max_size=60).map(sorted),
    page_size=st.integers(1, 200),
    most=st.none() | st.integers(1, 70),
    before=st.none() | st.integers(1, 500),
)
def test_walk_gives_the_newest_in_order(seqs, page_size, most, before):
    expected = [seq for seq in reversed(seqs) if before is None or seq < before][:most]
    found, pages = walk(
        seqs, (), page_size=page_size, max_messages=most, before=None if before is None else str(before)
    )
    assert found == expected
    assert pages <= len(expected) // page_size + 2


def test_q44_short_page_does_not_end_a_walk():
    found, _ = walk(range(1, 13), {10, 11, 6}, page_size=3)
    assert found == [12, 9, 8, 7, 5, 4, 3, 2, 1]


def test_walk_asks_for_no_more_than_it_wants():
    steps = Walk(page_size=4, max_messages=6, before="99")
    assert steps.next_page == {"limit": 4, "before": "99"}
    steps.take(messages([11, 12, 13, 14]))
    assert steps.next_page == {"limit": 2, "before": "11"}
    steps.take(messages([9, 10]))
    assert steps.is_done


def test_server_that_gives_more_than_was_asked_for_is_cut():
    steps = Walk(page_size=2, max_messages=2, before=None)
    assert [message["seq"] for message in steps.take(messages([1, 2, 3]))] == [3, 2]
    assert steps.is_done


@pytest.mark.parametrize("page", [[{"id": "m"}], [17], ["x"], messages([5])])
def test_page_that_does_not_lead_on_is_an_error(page):
    with pytest.raises(InvalidResponseError):
        Walk(page_size=1, max_messages=None, before="5").take(page)


def chat(seqs):
    """A server of one chat."""

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            query = parse_qs(urlsplit(request.split(b" ")[1].decode()).query)
            before = int(query.get("before", ["1000"])[0])
            rows = [seq for seq in seqs if seq < before][-int(query["limit"][0]) :]
            peer.send(answer(json.dumps(messages(rows)).encode()))

    return serving(behave)


def test_iterate_asks_for_a_page_only_when_it_is_needed():
    with chat(range(1, 8)) as server, Client(auth_token=TOKEN, base_url=server.base_url) as client:
        walking = client.messages.iterate("c", page_size=3)
        assert server.requests == []
        assert [next(walking)["seq"] for _ in range(3)] == [7, 6, 5]
        assert len(server.requests) == 1
        assert [message["seq"] for message in walking] == [4, 3, 2, 1]


async def test_both_colours_walk_alike():
    with chat(range(1, 8)) as server:
        with Client(auth_token=TOKEN, base_url=server.base_url) as client:
            blocking = client.messages.list_all("c", page_size=3, max_messages=5)
        async with AsyncClient(auth_token=TOKEN, base_url=server.base_url) as awaited:
            assert await awaited.messages.list_all("c", page_size=3, max_messages=5) == blocking
            one_by_one = [
                message async for message in awaited.messages.iterate("c", page_size=3, max_messages=5)
            ]
    assert one_by_one[::-1] == blocking == messages([3, 4, 5, 6, 7])


def test_failing_page_leaves_what_was_given():
    def behave(peer, server):
        peer.request()
        peer.send(answer(json.dumps(messages([4, 5])).encode()))
        peer.request()
        peer.send(answer(b'{"detail": "x"}', "500 Internal Server Error"))

    with serving(behave) as server, Client(auth_token=TOKEN, base_url=server.base_url) as client:
        walking = client.messages.iterate("c", page_size=2)
        assert [next(walking)["seq"], next(walking)["seq"]] == [5, 4]
        with pytest.raises(ServerError):
            next(walking)


@pytest.mark.parametrize("seq", [9, 8, 10, 2**40])
def test_a_page_that_begins_no_lower_than_its_cursor_is_an_error(seq):
    """A server that ignores the cursor, or goes the other way, would be asked for ever."""
    steps = Walk(page_size=1, max_messages=None, before=None)
    steps.take(messages([8]))

    with pytest.raises(InvalidResponseError):
        steps.take(messages([seq]))
