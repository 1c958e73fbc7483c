"""Two genuine clients, one backend, and people who speak through them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.contract.genuine.puppet import Puppet, Raised, Stream, puppet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBERS: Final = itertools.count(1)
"""Makes ids unique within the session's backend."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user who speaks through a genuine client."""

    puppet: Puppet
    base_url: str
    id: str
    token: str | None = field(repr=False)

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The result of a method; raises `Raised`."""
        return self.puppet.call(self._client, method, *args, **kwargs)

    def refused(self, method: str, *args: Any, **kwargs: Any) -> tuple[int | None, str | None]:
        """Status and detail of the `ApiError` that a method raises."""
        with pytest.raises(Raised) as caught:
            self(method, *args, **kwargs)
        raised = caught.value
        assert (raised.kind, raised.text) == ("ApiError", f"HTTP {raised.status}: {raised.detail}")
        return raised.status, raised.detail

    def stream(self, *, stoppable: bool = False, **arguments: Any) -> Stream:
        return self.puppet.stream(self._client, stoppable=stoppable, **arguments)

    @property
    def _client(self) -> dict[str, Any]:
        return {"base_url": self.base_url, "auth_token": self.token}


@dataclass(frozen=True, slots=True)
class Town:
    """A backend, and people who reach it through one release of the genuine client."""

    backend: LocalBackend
    puppet: Puppet
    http: httpx.Client
    """For preparations, which would take most of the time if they went through the genuine clients."""

    def stranger(self, token: str | None = None) -> Person:
        """Somebody with no token, or with one of unknown worth."""
        return Person(self.puppet, self.backend.base_url, "", token)

    def guest(self, name: str = "Owner") -> Person:
        """A guest owner, made over plain HTTP: 0.1.45 cannot."""
        created = self._post("/api/auth/guest", {"display_name": name})
        return Person(self.puppet, self.backend.base_url, created["user"]["id"], created["token"])

    def external(self, owner: Person, name: str = "agent") -> Person:
        body = {"user_id": unique(name), "display_name": name.title()}
        created = self._post("/api/auth/external-users", body, owner)
        return Person(self.puppet, self.backend.base_url, created["user"]["id"], created["token"])

    def chat(self, owner: Person, *others: Person, title: str | None = None, kind: str = "direct") -> str:
        """The id of a new chat."""
        body = {"user_ids": [other.id for other in others], "title": title, "kind": kind}
        chat_id: str = self._post("/api/chats", body, owner)["id"]
        return chat_id

    def _post(self, path: str, body: dict[str, Any], caller: Person | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {caller.token}"} if caller else {}
        request = httpx.Request("POST", self.backend.base_url + path, json=body, headers=headers)
        answer: dict[str, Any] = self.http.send(request).raise_for_status().json()
        return answer


def unique(name: str) -> str:
    """An id that nobody else has."""
    return f"{name}-{next(NUMBERS)}"


@pytest.fixture(scope="session")
def puppet_0_1_45(sdk_0_1_45: Path) -> Iterator[Puppet]:
    with puppet(sdk_0_1_45, "0.1.45") as client:
        yield client


@pytest.fixture(scope="session")
def puppet_0_1_83(sdk_0_1_83: Path) -> Iterator[Puppet]:
    with puppet(sdk_0_1_83, "0.1.83") as client:
        yield client


@pytest.fixture(scope="session")
def backend(tmp_path_factory) -> Iterator[LocalBackend]:
    """One for all; tests that break it make their own."""
    options = BackendOptions(control_socket=tmp_path_factory.mktemp("backend") / "control")
    with LocalBackend(options) as backend:
        yield backend


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    # A connection kept would be cut after five seconds of rest, perhaps under the next request.
    with httpx.Client(timeout=30.0, limits=httpx.Limits(max_keepalive_connections=0)) as http:
        yield http


@pytest.fixture(params=["0.1.45", "0.1.83"])
def client(request, puppet_0_1_45, puppet_0_1_83) -> Puppet:
    """The genuine client, one release after the other."""
    return {"0.1.45": puppet_0_1_45, "0.1.83": puppet_0_1_83}[request.param]


@pytest.fixture
def town(backend, client, http) -> Town:
    return Town(backend, client, http)


@pytest.fixture
def newest_town(backend, puppet_0_1_83, http) -> Town:
    """For what 0.1.45 has no method for."""
    return Town(backend, puppet_0_1_83, http)


@pytest.fixture
def town_of_0_1_45(backend, puppet_0_1_45, http) -> Town:
    """For what only 0.1.45 does."""
    return Town(backend, puppet_0_1_45, http)


@pytest.fixture
def owner(town) -> Person:
    return town.guest("Owner")


@pytest.fixture
def agent(town, owner) -> Person:
    return town.external(owner, "agent")


@pytest.fixture
def other(town, owner) -> Person:
    return town.external(owner, "other")


@pytest.fixture
def chat(town, owner, agent) -> str:
    """The id of a direct chat of owner and agent."""
    return town.chat(owner, agent)


@pytest.fixture
def group(town, owner, agent, other) -> str:
    """The id of the owner's group with two agents."""
    return town.chat(owner, agent, other, title="Team", kind="group")
