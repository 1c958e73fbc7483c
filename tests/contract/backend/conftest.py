"""A running backend, and somebody who speaks to it over plain HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Somebody:
    """A user with a token."""

    id: str
    token: str
    http: httpx.Client = field(repr=False)

    def get(self, path, **params):
        return self._answer(self.http.get(path, params=params))

    def post(self, path, body=None):
        return self._answer(self.http.post(path, json=body) if body is not None else self.http.post(path))

    def request(self, method, path, body=None):
        """The whole answer, over a connection of its own: a 500 kills pooled ones (1.4)."""
        with httpx.Client(base_url=self.http.base_url, headers=self.http.headers, verify=False) as http:
            return http.request(method, path, json=body)

    def says(self, chat_id, content, **more):
        return self.post(f"/api/chats/{chat_id}/messages", {"content": content, **more})

    @staticmethod
    def _answer(response):
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()


@dataclass(slots=True)
class Town:
    """A backend and ways to populate it."""

    backend: LocalBackend
    _open: list[httpx.Client] = field(default_factory=list)

    def client(self, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.backend.base_url, headers=headers, timeout=10.0, verify=False)
        self._open.append(client)
        return client

    def guest(self, name=None):
        answer = self.client().post("/api/auth/guest", json={"display_name": name}).json()
        return Somebody(answer["user"]["id"], answer["token"], self.client(answer["token"]))

    def external(self, owner, user_id):
        answer = owner.post("/api/auth/external-users", {"user_id": user_id, "display_name": user_id.title()})
        return Somebody(user_id, answer["token"], self.client(answer["token"]))

    def human(self, email, password):
        self.backend.ask("add_user", email=email, password=password)
        answer = (
            self.client().post("/api/auth/login", json={"identifier": email, "password": password}).json()
        )
        return Somebody(answer["user"]["id"], answer["token"], self.client(answer["token"]))

    def close(self):
        for client in self._open:
            client.close()


@pytest.fixture
def options():
    """What the town's backend is like; a test may have another one."""
    return BackendOptions()


@pytest.fixture
def town(options) -> Iterator[Town]:
    with LocalBackend(options) as backend:
        town = Town(backend)
        yield town
        town.close()


@pytest.fixture
def owner(town):
    return town.guest("Owner")


@pytest.fixture
def agent(town, owner):
    return town.external(owner, "agent")


@pytest.fixture
def chat(owner, agent):
    """The id of a direct chat of owner and agent."""
    return owner.post("/api/chats", {"user_ids": [agent.id], "kind": "direct"})["id"]
