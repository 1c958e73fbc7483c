"""Plays the lines with one release against the local backend, and tells what came of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.contract.genuine.puppet import Puppet, Raised, puppet
from tests.contract.releases.lines import FRESH, LINES, SECRET, STREAMS

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.backend.quirks import Generation
    from tests.contract.releases.lines import Line

WORKS: Final = "works"
ABSENT: Final = "absent"

NO_SUCH_METHOD: Final = "object has no attribute"
NO_SUCH_ARGUMENT: Final = "unexpected keyword argument"
TOO_MANY: Final = "positional arguments but"
TOO_FEW: Final = "required positional argument"


class Town:
    """Everybody and everything that the lines name, made over plain HTTP."""

    def __init__(self, backend: LocalBackend) -> None:
        self._backend = backend
        backend.ask("add_user", email=SECRET[0], password=SECRET[1])
        owner = self._post("/api/auth/login", {"identifier": SECRET[0], "password": SECRET[1]})
        self.tokens: dict[str, str | None] = {"nobody": None, "owner": owner["token"]}
        self.names = {"owner": owner["user"]["id"], "invitation": backend.ask("invite")["invite_code"]}
        somebody_else = backend.ask("add_user", email="else@example.org", password=SECRET[1])["id"]
        maker_of = {"stranger": backend.ask("token", user_id=somebody_else)["token"]}
        for name in ("agent", "other", "third", "stranger"):
            body = {"user_id": name, "display_name": name.title()}
            maker = maker_of.get(name, owner["token"])
            self.tokens[name] = self._post("/api/auth/external-users", body, maker)["token"]
        for name, kind in (("group", "group"), ("studio", "group"), ("talk", "direct")):
            body = {"user_ids": ["agent"], "title": name, "kind": kind}
            self.names[name] = self._post("/api/chats", body, owner["token"])["id"]

        self._ask("PUT", f"/api/chats/{self.names['studio']}/workflow", {"kind": "kept"}, owner["token"])

    def client(self, who: str) -> dict[str, Any]:
        return {"base_url": self._backend.base_url, "auth_token": self.tokens[who]}

    def filled(self, value: Any) -> Any:
        """With ids in place of names."""
        if not isinstance(value, str):
            return value
        codes = {"code": self._backend.post.codes.get(FRESH, "")}
        return value.format_map(self.names | codes) if value.startswith("{") else value

    def wake_agent(self) -> None:
        """Tell the agent something."""
        self._post(f"/api/chats/{self.names['talk']}/messages", {"content": "wake up"}, self.tokens["owner"])

    def _post(self, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        return self._ask("POST", path, body, token)

    def _ask(self, method: str, path: str, body: dict[str, Any], token: str | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self._backend.base_url + path
        answer = httpx.request(method, url, json=body, headers=headers, timeout=20)
        made: dict[str, Any] = answer.raise_for_status().json()
        return made


def play(python: Path, release: str, generation: Generation = "b") -> dict[str, str]:
    """What came of every line, and of every form of the stream: works, absent, or the error."""
    options = BackendOptions(generation=generation)
    with LocalBackend(options) as backend, puppet(python, release) as client:
        town = Town(backend)
        outcomes = {line.name: _outcome(client, town, line) for line in LINES}
        for form, arguments in STREAMS:
            name = "notifications.stream" + (f"({form})" if form else "")
            outcomes[name] = _stream_outcome(client, town, arguments)
    return outcomes


def _outcome(client: Puppet, town: Town, line: Line) -> str:
    args = tuple(town.filled(value) for value in line.args)
    try:
        result = client.call(town.client(line.who), line.method, *args, **line.kwargs)
    except Raised as exc:
        return _told(exc, line.method)
    if line.keep and isinstance(result, dict):
        town.names[line.keep] = result.get("id") or result.get(line.keep, "")
    return WORKS if line.works(result) else f"gives {result!r}"[:80]


def _stream_outcome(client: Puppet, town: Town, arguments: dict[str, Any]) -> str:
    town.wake_agent()
    seqs = []
    try:
        client.call(town.client("agent"), "notifications.drain")
        stream = client.stream(town.client("agent"), since_seq=0, **arguments)
        seqs.append((stream.next() or {}).get("seq"))
        town.wake_agent()
        seqs.append((stream.next() or {}).get("seq"))
        if "stoppable" in arguments:
            stream.stop()
    except Raised as exc:
        return _told(exc, "notifications.stream")
    return WORKS if None not in seqs and seqs[0] < seqs[1] else f"gives {seqs}"


def _told(exc: Raised, method: str) -> str:
    """The release lacks the method or the argument, or the method fails, perhaps as it calls another one wrongly."""
    is_own = f"{method.rpartition('.')[2]}()" in exc.text
    if exc.kind == "AttributeError" and NO_SUCH_METHOD in exc.text and "to_dict" not in exc.text:
        return ABSENT
    if (
        is_own
        and exc.kind == "TypeError"
        and any(text in exc.text for text in (NO_SUCH_ARGUMENT, TOO_MANY, TOO_FEW))
    ):
        return ABSENT
    return f"{exc.kind}: {exc.text}"
