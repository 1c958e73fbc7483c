"""Whose token it is, asked for patiently."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from mycel_runtime.daemon.identity import identify
from mycel_runtime.errors import IdentityRefusedError, WrongIdentityError
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import InboxSettings
from tests.unit.sdk.wire import TOKEN, answer, answering, serving

DEADLINE = 60.0


class FirstWait:
    """Remembers what is told of the first answer that was none."""

    def __init__(self):
        self.told = asyncio.get_running_loop().create_future()

    def tell(self, fact):
        if fact.name == "identity.unanswered" and not self.told.done():
            self.told.set_result(fact)


async def first_wait(status, *headers):
    """What is told after an answer with this status and these headers."""
    observer = FirstWait()
    with serving(answering(answer(b"", status, "text/plain", *headers))) as server:
        async with (
            AsyncClient(base_url=server.base_url, auth_token=TOKEN, retries=0) as sdk,
            asyncio.timeout(DEADLINE),
            asyncio.TaskGroup() as tasks,
        ):
            asking = identify(sdk, server=server.base_url, settings=InboxSettings(), observer=observer)
            task = tasks.create_task(asking)
            told = await observer.told
            task.cancel()
    return told


@pytest.mark.parametrize(
    ("headers", "shortest", "longest"),
    [
        ((), 0.25, 0.5),
        (("Retry-After: 120",), 120.0, 165.0),
        (("Retry-After: 1e300",), 3600.0, 3645.0),
        (("Retry-After: -1",), 0.25, 0.5),
    ],
)
async def test_a_start_comes_back_when_the_server_wants_it(headers, shortest, longest):
    """A Retry-After of more than half a minute is the caller's to wait for, not the client's."""
    told = await first_wait("503 Unavailable", *headers)
    assert shortest <= told.retry_in <= longest


LOGIN_PAGE = answer(b"<html>Log in</html>", "401 Unauthorized", "text/html")
GATEWAY = answer(b'{"message": "Unauthorized"}', "401 Unauthorized")
OWN = answer(b'{"detail": "Token expired"}', "401 Unauthorized")
AGENT = {"id": "a", "name": "Ada", "type": "external"}


async def identified(*answers, user_id=None):
    """Who that is, and what was asked and told until it was known."""
    told = []
    waits = InboxSettings(backoff_base=0.01)
    with serving(answering(*answers)) as server:
        async with AsyncClient(base_url=server.base_url, auth_token=TOKEN, retries=0) as sdk:
            observer = SimpleNamespace(tell=told.append)
            async with asyncio.timeout(DEADLINE):
                me = await identify(
                    sdk, server=server.base_url, settings=waits, observer=observer, user_id=user_id
                )
    return me, len(server.requests), [fact.error for fact in told if fact.name == "identity.unanswered"]


@pytest.mark.parametrize("refusal", [LOGIN_PAGE, GATEWAY])
async def test_a_gateways_401_costs_the_wait_and_is_named(refusal):
    me, requests, errors = await identified(refusal, refusal, answer(json.dumps(AGENT).encode()))
    assert (me, requests) == ("a", 3)
    assert errors == ["401 by something between here and the backend, perhaps a login page"] * 2


@pytest.mark.parametrize(
    "odd",
    [
        answer(b'{"id": "f3a1", "status": "maintenance"}'),
        answer(b"<html>Log in</html>", "200 OK", "text/html"),
        answer(b'{"message": "no route"}', "404 Not Found"),
        answer(b'{"error": "forbidden"}', "403 Forbidden"),
    ],
)
async def test_what_names_nobody_is_nobodys_refusal(odd):
    me, requests, errors = await identified(odd, odd, answer(json.dumps(AGENT).encode()))
    assert (me, requests, len(errors)) == ("a", 3, 2)


async def test_the_backends_own_401_is_final_at_once():
    with pytest.raises(IdentityRefusedError, match="Token expired"):
        await identified(OWN)


@pytest.mark.parametrize("kind", ["human", "agent", None])
async def test_a_token_that_is_no_external_agents_is_refused_unless_it_is_named(kind):
    user = answer(json.dumps({"id": "o", "name": "Olga", "type": kind}).encode())
    with pytest.raises(WrongIdentityError) as refused:
        await identified(user)
    assert (refused.value.exit_code, refused.value.user_id) == (77, "o")
    assert 'set [agent] user_id = "o"' in str(refused.value)
    assert (await identified(user, user_id="o"))[0] == "o"


async def test_a_token_of_another_user_than_the_one_named_is_refused():
    with pytest.raises(WrongIdentityError, match='user_id is "b"'):
        await identified(answer(json.dumps(AGENT).encode()), user_id="b")


async def test_a_redirect_is_told_with_the_fix():
    location = "Location: https://mycel.example.org/api/auth/me"
    told = await first_wait("301 Moved Permanently", location)
    assert told.error == (
        "RedirectError 301: redirected to https://mycel.example.org/api/auth/me: "
        'set base_url to "https://mycel.example.org"'
    )
