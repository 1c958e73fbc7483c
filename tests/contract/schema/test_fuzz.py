"""Whatever fits the backend's OpenAPI document, or just does not, is answered and breaks nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from mycel_runtime.backend.http.request_context import is_storable_text
from mycel_runtime.backend.server import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES: Final = 10
"""Per operation, caller and kind of input; enough to try each field, and the whole stays below a minute."""

ANSWER_SECONDS: Final = 20.0

ANSWERS: Final = {200, 400, 401, 403, 404, 409, 422}


def is_no_number(text: Any) -> bool:
    try:
        int(str(text))
    except ValueError:
        return True
    return False


def is_unstorable(case: Any) -> bool:
    """Whether a NUL or half a surrogate pair is in the body."""
    return not is_storable_text(case.body if isinstance(case.body, dict | list | str) else None)


def always(case: Any) -> bool:
    return True


ANY: Final = ""
CHAT: Final = "/api/chats/{chat_id}"

QUIRKS: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "Q31": (
        "GET /api/chats/{chat_id}/messages",
        lambda case: is_no_number((case.query or {}).get("before", 0)),
    ),
    "Q39": ("POST /api/relationships/request", always),
    "10.1": (f"DELETE {CHAT}", always),
    "10.7": (f"POST {CHAT}/messages/{{message_id}}/retract", always),
    "10.8": (f"DELETE {CHAT}/messages/{{message_id}}", always),
    "10.10": (f"POST {CHAT}/mute", lambda case: (case.body or {}).get("mute_until") is not None),
    "10.13 of a new task": (f"POST {CHAT}/tasks", lambda case: case.body.get("owner") is not None),
    "10.13 of a task": (f"PATCH {CHAT}/tasks/{{task_id}}", lambda case: case.body.get("owner") is not None),
    "10.13 of an event": (f"POST {CHAT}/workflow/events", lambda case: "requested_by_user_id" in case.body),
    "10.14": (ANY, is_unstorable),
}
"""
Operations that may answer 500, and with what input: a cursor that is no number, a target that nobody is.

Generated targets are never anybody. Q20 is not here, but in `check_reads`.
"""

READS: Final = (
    ("GET", "/api/chats/{chat_id}"),
    ("GET", "/api/chats/{chat_id}/messages"),
    ("GET", "/api/chats/{chat_id}/messages/unread"),
    ("GET", "/api/chats/{chat_id}/workflow"),
    ("GET", "/api/chats/{chat_id}/workflow/events"),
    ("GET", "/api/chats/{chat_id}/tasks"),
    ("GET", "/api/chats/{chat_id}/join-requests"),
    ("GET", "/api/relationships"),
    ("GET", "/api/chats"),
    ("POST", "/api/runtime/inbox/drain"),
)
"""What must still be answered after whatever was accepted before."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token."""

    base_url: str
    id: str
    session: requests.Session
    token: str

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.session.request(
            method, self.base_url + path, json=body, headers=headers, timeout=ANSWER_SECONDS
        )

    def get(self, method: str, path: str, body: Any = None) -> Any:
        response = self.ask(method, path, body)
        assert response.status_code == 200, (method, path, response.text)
        return response.json()

    def play(self, case: schemathesis.Case) -> schemathesis.Response:
        """What a generated request is answered."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return case.call(
            base_url=self.base_url, session=self.session, headers=headers, timeout=ANSWER_SECONDS
        )


class Town:
    """A backend that makes new people for every operation, so that none stumbles over the one before."""

    def __init__(self, backend: LocalBackend, session: requests.Session) -> None:
        self._session = session
        self.base_url = backend.base_url
        self.schema = schemathesis.openapi.from_dict(session.get(f"{self.base_url}/openapi.json").json())
        self._people = 0

    def operations(self) -> list[Any]:
        """All but the one whose answer has no end."""
        operations = [found.ok() for found in self.schema.get_all_operations()]
        return [operation for operation in operations if operation.label != f"GET {CHAT}/events"]

    def human(self) -> Caller:
        created = self._session.post(
            f"{self.base_url}/api/auth/guest", json={}, timeout=ANSWER_SECONDS
        ).json()
        return Caller(self.base_url, created["user"]["id"], self._session, created["token"])

    def external(self, owner: Caller | None = None) -> Caller:
        self._people += 1
        body = {"user_id": f"agent-{self._people}", "display_name": "Agent"}
        created = (owner or self.human()).get("POST", "/api/auth/external-users", body)
        return Caller(self.base_url, created["user"]["id"], self._session, created["token"])

    def furnish(self, caller: Caller) -> dict[str, str]:
        """Ids of things that are there, all in reach of the caller."""
        stranger = self.external()
        asked = caller.get("POST", "/api/relationships/request", {"target_user_id": stranger.id})
        stranger.get("POST", f"/api/relationships/{asked['id']}/approve", {})
        body = {"user_ids": [stranger.id], "title": "Team", "kind": "group"}
        chat = f"/api/chats/{caller.get('POST', '/api/chats', body)['id']}"
        return {
            "chat_id": chat.rpartition("/")[2],
            "message_id": caller.get("POST", f"{chat}/messages", {"content": "hi"})["id"],
            "request_id": self.external().get("POST", f"{chat}/join-requests", {})["id"],
            "event_id": caller.get("POST", f"{chat}/workflow/events", {"kind": "k"})["event_id"],
            "task_id": caller.get("POST", f"{chat}/tasks", {"subject": "s", "description": ""})["id"],
            "relationship_id": asked["id"],
        }


@pytest.fixture(scope="module")
def town():
    with LocalBackend() as backend, requests.Session() as session:
        # A connection kept may be cut under the next request: after a 500 (1.4), or after five seconds of rest.
        session.headers["Connection"] = "close"
        yield Town(backend, session)


def cases(operation: Any, mode: GenerationMode, ids: dict[str, str]) -> st.SearchStrategy[schemathesis.Case]:
    """Requests about things that are there, and about things that are not."""
    names = {parameter.name for parameter in operation.path_parameters}
    known = {name: value for name, value in ids.items() if name in names}
    anywhere = operation.as_strategy(generation_mode=mode)
    return (
        st.one_of(operation.as_strategy(generation_mode=mode, path_parameters=known), anywhere)
        if known
        else anywhere
    )


def hasten(case: schemathesis.Case) -> None:
    """Nobody waits for `wait`."""
    if case.path.endswith("/wait"):
        try:
            seconds = float((case.query or {}).get("timeout_seconds", 25.0))
        except (TypeError, ValueError):
            return
        if math.isfinite(seconds):
            case.query = {"timeout_seconds": 0}


def check(case: schemathesis.Case, response: schemathesis.Response) -> None:
    """The status is one of the contract's, a refusal says why, and a 500 is a quirk's."""
    label = case.operation.label
    if response.status_code == 500:
        excused = [number for number, (where, why) in QUIRKS.items() if where in {label, ANY} and why(case)]
        assert excused, (label, case.as_curl_command())
        return
    assert response.status_code in ANSWERS, (label, response.status_code, case.as_curl_command())
    answer = response.json()
    if response.status_code == 422:
        assert all({"loc", "msg", "type"} <= set(problem) for problem in answer["detail"])
    elif response.status_code != 200:
        assert "detail" in answer or "error" in answer


def fuzz(cases: st.SearchStrategy[schemathesis.Case], caller: Caller) -> None:
    """Ask and check, the same requests in every run."""

    @settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: schemathesis.Case) -> None:
        hasten(case)
        check(case, caller.play(case))

    ask()


def check_reads(caller: Caller, ids: dict[str, str], label: str) -> None:
    """Nothing that was accepted is in the way of what is read later; but for Q20."""
    for method, path in READS:
        response = caller.ask(method, path.format_map(ids))
        if response.status_code == 500:
            assert label == "POST /api/chats", (label, path, "only an untitled group (Q20) may be")
            assert path in {"/api/chats", "/api/runtime/inbox/drain"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fits", "does not fit"]
)
@pytest.mark.parametrize("who", ["human", "external"])
def test_only_listed_quirks_are_server_errors(town, subtests, who, mode):
    for operation in town.operations():
        if mode.is_negative and not (operation.body or operation.query):
            continue  # nothing that could be wrong
        caller = getattr(town, who)()
        ids = town.furnish(caller)
        with subtests.test(operation.label):
            fuzz(cases(operation, mode, ids), caller)
            check_reads(caller, ids, operation.label)
