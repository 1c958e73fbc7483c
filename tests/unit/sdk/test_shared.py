"""Clients of one backend share what is the same for all of them, and nothing that is not."""

from __future__ import annotations

import inspect

import pytest

from mycel_runtime.sdk import AsyncClient, Client
from mycel_runtime.sdk.network import Route
from mycel_runtime.sdk.transport import Requests

BASE_URL = "http://backend:8042"


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_a_method_is_one_function_for_all_clients(make):
    one, other = (make(base_url=BASE_URL, auth_token=token) for token in ("one", "other"))

    assert one.chats.get.__func__ is other.chats.get.__func__
    assert (one.chats.get.__self__, other.chats.get.__self__) == (one, other)
    assert one.chats.get is one.chats.get
    assert [*inspect.signature(one.chats.get).parameters] == ["chat_id"]


def test_addresses_and_common_headers_are_parsed_once():
    ways = [Route(BASE_URL).way for _ in range(2)]
    requests = [Requests(BASE_URL, token, 1.0) for token in ("one", "other")]

    assert ways[0]._backend is ways[1]._backend
    assert requests[0]._public is requests[1]._public


def test_each_client_has_its_own_token_and_none_is_left_in_what_is_shared():
    one, other = (Requests(BASE_URL, token, 1.0) for token in ("one", "other"))
    one.use_token("another")

    assert [each._authenticated["Authorization"] for each in (one, other)] == [
        "Bearer another",
        "Bearer other",
    ]
    assert "Authorization" not in Requests(BASE_URL, None, 1.0)._public
