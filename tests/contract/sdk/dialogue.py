"""
Every method of contract 3.2, said once: the same script for the genuine clients and ours.

Runs in the genuine clients' own environments too, so it imports nothing but the standard library:

    python dialogue.py mycel_sdk Client http://127.0.0.1:8000 0.1.83

prints a JSON list with one outcome per line of the script.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final

TOKEN: Final = "tok-dialogue"


@dataclass(frozen=True)
class Line:
    """One call; `since` is the first reference release that has it."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    since: str = "0.1.45"


def line(method: str, *args: Any, since: str = "0.1.45", **kwargs: Any) -> Line:
    return Line(method, args, kwargs, since)


CHAT: Final = "c/1:ü"
"""An id in which everything has to be escaped."""

ANSWERED: Final = [
    line("auth.login", "ada@example.org", "pass word"),
    line("auth.send_otp", "ada@example.org", "pw", "invite"),
    line("auth.verify_otp", "ada@example.org", "123456"),
    line("auth.complete_register", "temp", "invite"),
    line("auth.create_guest_owner", since="0.1.83"),
    line("auth.create_guest_owner", display_name="Gast", since="0.1.83"),
    line("auth.create_external_user", "bot-1", "Bot"),
    line("me.whoami"),
    line("users.create_external", "bot-2", "Böt"),
    line("agents.list"),
    line("agents.create", "Toad"),
    line("agents.create", "Toad", description="croaks"),
    line("threads.create", "m_1"),
    line(
        "threads.create",
        "m_1",
        sandbox="cloud",
        sandbox_template_id="t",
        existing_sandbox_id="s",
        cwd="/w",
        model="m",
        agent="a",
        bind_mounts=[
            {"source": "/a", "target": "/b"},
            {"source": "/c", "target": "/d", "mode": "copy", "read_only": True},
        ],
    ),
    line("threads.create", "m_1", bind_mounts=[]),
    line("chats.list"),
    line("chats.get", CHAT),
    line("chats.create", ["bot-1"]),
    line("chats.create", ["bot-1", "bot-2"], title="Zwei", kind="group"),
    line("chats.direct", "bot-1"),
    line("chats.ensure_direct", "bot-1"),
    line("chats.add_member", CHAT, "bot-3"),
    line("chats.join_target", CHAT),
    line("chats.list_join_requests", CHAT),
    line("chats.request_join", CHAT),
    line("chats.request_join", CHAT, message="please"),
    line("chats.approve_join", CHAT, "chat_join:c:b"),
    line("chats.reject_join", CHAT, "chat_join:c:b"),
    line("chats.mute_member", CHAT, "bot-1"),
    line("chats.mute_member", CHAT, "bot-1", mute_until=1760000000.5),
    line("chats.unmute_member", CHAT, "bot-1"),
    line("chats.get_workflow", CHAT),
    line("chats.set_workflow", CHAT, kind="k"),
    line("chats.set_workflow", CHAT, kind="k", state="done", config={"a": [1, None]}),
    line("chats.set_workflow", CHAT, kind="k", expected_state_version=0, since="0.1.83"),
    line("chats.delete_workflow", CHAT),
    line("chats.list_workflow_events", CHAT),
    line("chats.create_workflow_event", CHAT, kind="k"),
    line(
        "chats.create_workflow_event",
        CHAT,
        kind="k",
        resource_refs=[{"a": 1}],
        requested_by_user_id="bot-1",
        decision_states={"bot-1": {"x": "open"}},
        rationales={"bot-1": "why"},
        final_state={"x": 1},
        metadata={"m": None},
    ),
    line("chats.get_workflow_event", CHAT, "1"),
    line("chats.update_workflow_event", CHAT, "1"),
    line("chats.update_workflow_event", CHAT, "1", state="settled", settled_at=12.5),
    line(
        "chats.update_workflow_event",
        CHAT,
        "1",
        state=None,
        decision_states={"bot-1": {"x": "yes"}},
        rationales=None,
        final_state={"x": 2},
        metadata={},
        settled_at=None,
    ),
    line(
        "chats.update_workflow_event",
        CHAT,
        "1",
        decision_states=None,
        final_state=None,
        metadata=None,
    ),
    line("chats.update_workflow_event", CHAT, "1", state="s", expected_state_version=3, since="0.1.83"),
    line("chats.delete_workflow_event", CHAT, "1"),
    line("chats.list_tasks", CHAT),
    line("chats.create_task", CHAT, subject="s"),
    line(
        "chats.create_task",
        CHAT,
        subject="s",
        description="d",
        status="doing",
        active_form="doing it",
        owner="bot-1",
        blocks=["2"],
        blocked_by=["3"],
        metadata={"m": 1},
    ),
    line("chats.get_task", CHAT, "1"),
    line("chats.update_task", CHAT, "1"),
    line("chats.update_task", CHAT, "1", owner=None),
    line(
        "chats.update_task",
        CHAT,
        "1",
        status="done",
        subject="s2",
        description="",
        active_form=None,
        owner="bot-2",
        blocks=[],
        blocked_by=["9"],
        metadata=None,
    ),
    line(
        "chats.update_task",
        CHAT,
        "1",
        status=None,
        subject=None,
        description=None,
        active_form=None,
        owner=None,
        blocks=None,
        blocked_by=None,
        metadata=None,
    ),
    line("chats.delete_task", CHAT, "1"),
    line("messages.list", CHAT),
    line("messages.list", CHAT, limit=7, before="5"),
    line("messages.list_all", "paged", page_size=2),
    line("messages.list_all", "paged", page_size=2, max_messages=3),
    line("messages.list_all", "paged", before="3"),
    line("messages.list_all", "paged", page_size=0),
    line("messages.list_all", "paged", page_size=201),
    line("messages.list_all", "paged", max_messages=0),
    line("messages.list_all", "stuck", page_size=1),
    line("messages.unread", CHAT),
    line("messages.read", CHAT),
    line("messages.mark_read", CHAT),
    line("messages.mark_read", "nothing"),
    line("messages.mark_read", CHAT, 7, since="0.1.83"),
    line("messages.send", CHAT, "hi"),
    line(
        "messages.send",
        CHAT,
        'Grüße "\n\u2028\U0001f344',
        reply_to="m1",
        mentions=["bot-1"],
        delivery_scope="addressed",
        addressed_to_user_ids=["bot-1"],
        enforce_caught_up=False,
    ),
    line("messages.send", CHAT, "hi", mentions=[], addressed_to_user_ids=[]),
    line("relationships.list"),
    line("relationships.request", "bot-1"),
    line("relationships.request", "bot-1", "hello"),
    line("relationships.request", "bot-1", message="hello"),
    line("relationships.approve", "hire_visit:a:b"),
    line("relationships.reject", "hire_visit:a:b"),
    line("relationships.upgrade", "hire_visit:a:b"),
    line("relationships.revoke", "hire_visit:a:b"),
    line("relationships.downgrade", "hire_visit:a:b"),
    line("notifications.drain"),
    line("backend_info", since="0.1.83"),
    # Refused before anything is sent.
    line("chats.create", ["bot-1"], kind="crowd"),
    line("messages.send", CHAT, "hi", delivery_scope="whisper"),
    line("threads.create", "m_1", bind_mounts=[{"source": "/a", "target": "/b", "mode": "move"}]),
    line("threads.create", "m_1", bind_mounts=[{"target": "/b"}]),
    line("threads.create", "m_1", bind_mounts=[{"source": "/a"}]),
]
"""Answered with success, or refused by the client itself."""


REFUSED: Final[dict[str, tuple[int, str, str]]] = {
    "400": (400, "application/json", '{"detail": "Content cannot be empty"}'),
    "400 object": (400, "application/json", '{"detail": {"error": "sandbox", "provider": "ü"}}'),
    "400 without detail": (400, "application/json", '{"error": "code", "message": "words"}'),
    "401": (401, "application/json", '{"detail": "Token 已过期，请重新登录"}'),
    "403": (403, "application/json", '{"detail": "Not a participant of this chat"}'),
    "404": (404, "application/json", '{"detail": "Not Found"}'),
    "405": (405, "application/json", '{"detail": "Method Not Allowed"}'),
    "409": (409, "application/json", '{"detail": "Already a participant of this chat"}'),
    "409 object": (409, "application/json", '{"detail": {"error": "stale", "actual_state_version": null}}'),
    "422": (422, "application/json", '{"detail": [{"loc": ["body", "x"], "msg": "m", "type": "t"}]}'),
    "422 text": (422, "application/json", '{"detail": "words"}'),
    "422 no json": (422, "text/html", "<html>"),
    "429": (429, "text/plain", "slow down"),
    "500": (500, "application/json", '{"detail": "Runtime queue manager unavailable"}'),
    "500 plain": (500, "text/plain", "Internal Server Error"),
    "502": (502, "text/html", "<html>bad gateway</html>"),
    "503": (503, "application/json", '{"detail": "Chat task service unavailable"}'),
    "504 empty": (504, "text/plain", ""),
    "418 list": (418, "application/json", "[1]"),
    "201": (201, "application/json", '{"id": "c"}'),
    "204": (204, "application/json", ""),
    "307": (307, "text/plain", ""),
    "200 empty": (200, "application/json", ""),
    "200 text": (200, "text/html", "<html>"),
    "200 null": (200, "application/json", "null"),
    "200 number": (200, "application/json", "17"),
}
"""A chat id, and the status, content type and body that any call on that chat is answered with."""

ERRORS: Final = [
    *(line("chats.get", name) for name in REFUSED),
    *(line("messages.send", name, "hi") for name in REFUSED if not name.startswith("200")),
    line("messages.list_all", "404"),
]


def play(client: Any, api_error: type[Exception], said: Line) -> dict[str, Any]:
    """What came of one line: `result`, or the `error` as its callers can see it."""
    target = client
    for name in said.method.split("."):
        target = getattr(target, name)
    try:
        return {"result": target(*said.args, **said.kwargs)}
    except Exception as exc:  # noqa: BLE001 - whatever a client raises is compared
        return {"error": describe(exc, api_error)}


async def play_async(client: Any, api_error: type[Exception], said: Line) -> dict[str, Any]:
    """As `play`, for a client whose answers are awaited."""
    outcome = play(client, api_error, said)
    if not inspect.isawaitable(outcome.get("result")):
        return outcome
    try:
        return {"result": await outcome["result"]}
    except Exception as exc:  # noqa: BLE001 - whatever a client raises is compared
        return {"error": describe(exc, api_error)}


def describe(exc: Exception, api_error: type[Exception]) -> dict[str, Any]:
    """The nearest class that a user of the reference SDK can name, with status and detail of an `ApiError`."""
    if isinstance(exc, api_error):
        api: Any = exc
        return {"kind": "ApiError", "status": api.status_code, "detail": api.detail, "text": str(exc)}
    kind = next(cls for cls in type(exc).__mro__ if cls.__module__ in {"builtins", "json.decoder"})
    return {"kind": kind.__name__}


def script_of(release: str) -> list[Line]:
    """The lines that a reference release has."""
    return [said for said in ANSWERED + ERRORS if _version(said.since) <= _version(release)]


def _version(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


GROUPS: Final = [
    "auth",
    "me",
    "users",
    "agents",
    "threads",
    "chats",
    "messages",
    "relationships",
    "notifications",
]


def signatures(client: Any) -> dict[str, list[list[str]]]:
    """Name, kind and default of every argument of every method."""
    found = {}
    for group in GROUPS:
        for name, method in inspect.getmembers(getattr(client, group), callable):
            if not name.startswith("_"):
                parameters = inspect.signature(method).parameters.values()
                found[f"{group}.{name}"] = [[p.name, p.kind.name, _default(p.default)] for p in parameters]
    return found


def _default(value: Any) -> str:
    """Text of a default; each client has a sentinel of its own for 'not given'."""
    if value is inspect.Parameter.empty:
        return "required"
    return repr(value) if value is None or isinstance(value, str | int) else "unset"


def announce(base_url: str, number: int) -> None:
    """Let the server know which line comes next."""
    with urllib.request.urlopen(f"{base_url}/line/{number}", timeout=30):
        pass


async def _all_async(client: Any, api_error: type[Exception], base_url: str, script: list[Line]) -> list[Any]:
    outcomes = []
    async with client:
        for number, said in enumerate(script):
            announce(base_url, number)
            outcomes.append(await play_async(client, api_error, said))
    return outcomes


def _all(client: Any, api_error: type[Exception], base_url: str, script: list[Line]) -> list[Any]:
    outcomes = []
    for number, said in enumerate(script):
        announce(base_url, number)
        outcomes.append(play(client, api_error, said))
    return outcomes


def main(module: str, cls: str, base_url: str, release: str) -> None:
    """Play the lines that a release has, and print their outcomes."""
    sdk = importlib.import_module(module)
    extra = {} if module == "mycel_sdk" else {"retries": 0}
    client = getattr(sdk, cls)(auth_token=TOKEN, base_url=base_url, **extra)
    script = script_of(release)
    if cls == "AsyncClient":
        outcomes = asyncio.run(_all_async(client, sdk.ApiError, base_url, script))
    else:
        outcomes = _all(client, sdk.ApiError, base_url, script)
    if hasattr(client, "close"):
        client.close()
    json.dump({"signatures": signatures(client), "outcomes": outcomes}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
