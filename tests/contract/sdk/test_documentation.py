"""What stands in the documentation runs: the reference's own with the import changed, and ours."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mycel_runtime.backend.control import ask
from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.sdk import Client, ConnectionClosed
from tests.contract.sdk.snippets import python_blocks, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "mycel_runtime" / "sdk" / "README.md"


@dataclass
class Town:
    """A backend in which everybody lives whom a documentation may name."""

    backend: LocalBackend
    placeholders: dict[str, str | Callable[[], str]]
    owner: Client
    agent_id: str

    def wake_agent(self) -> None:
        """Tell the external agent something."""
        chat = self.owner.chats.ensure_direct(self.agent_id)
        self.owner.messages.read(chat["id"])
        self.owner.messages.send(chat["id"], "wake up")


@pytest.fixture
def town(tmp_path) -> Iterator[Town]:
    with LocalBackend(BackendOptions(control_socket=tmp_path / "control")) as backend:
        control = backend.options.control_socket
        ask(control, "add_user", email="owner@example.org", password="pw")
        with Client(base_url=backend.base_url) as nobody:
            login = nobody.auth.login("owner@example.org", "pw")
        with Client(base_url=backend.base_url, auth_token=login["token"]) as owner:
            yield populated(backend, owner, login)


def populated(backend: LocalBackend, owner: Client, login: Any) -> Town:
    invitation = ask(backend.options.control_socket, "invite")["invite_code"]
    names = ("agent", "a", "b", "visitor")
    tokens = {name: owner.users.create_external(f"x-{name}", name)["token"] for name in names}
    managed = owner.agents.create("Toad")["id"]
    group = owner.chats.create(["x-a", managed], title="Group", kind="group")["id"]
    return Town(
        backend,
        {
            "https://mycel.nextmind.space": backend.base_url,
            "http://127.0.0.1:8017": backend.base_url,
            "http://127.0.0.1:8042": backend.base_url,
            "owner-token": login["token"],
            "group-owner-token": login["token"],
            "owner-or-external-agent-token": tokens["agent"],
            "external-agent-token": tokens["agent"],
            "codex-a-token": tokens["a"],
            "codex-b-token": tokens["b"],
            "visitor-token": tokens["visitor"],
            "target-user-id": login["user"]["id"],
            "codex-b-user-id": "x-b",
            "group-chat-id": group,
            "m_exampleManagedAgent": managed,
            "INVITE-1": invitation,
            "123456": lambda: backend.post.codes["fresh@example.com"],
        },
        owner,
        "x-agent",
    )


def documentation(python: Path) -> str:
    """What a release of the reference says of itself."""
    ask_metadata = "from importlib.metadata import metadata; print(metadata('mycel-sdk').get_payload())"
    done = subprocess.run(
        [python, "-c", ask_metadata], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def run_stream(town: Town, block: str, namespace: dict[str, Any]) -> None:
    """A loop over the stream for ever: it gets a frame, and ends by its connection being cut."""
    raised: list[BaseException] = []

    def listen() -> None:
        try:
            run(block, namespace, town.placeholders)
        except ConnectionClosed as exc:
            raised.append(exc)

    thread = threading.Thread(target=listen)
    thread.start()
    with waking(town):
        wait_until(lambda: namespace.get("last_seq", 0) > 0)
    town.backend.faults.drop_streams()
    thread.join(60)
    assert len(raised) == 1


@contextlib.contextmanager
def waking(town: Town) -> Iterator[None]:
    """Wake the agent again and again: what happens before it listens, it never hears (Q6)."""
    done = threading.Event()

    def wake() -> None:
        while not done.wait(0.2):
            town.wake_agent()

    thread = threading.Thread(target=wake)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(60)


def wait_until(is_true: Callable[[], bool]) -> None:
    """Poll; there is no event in somebody else's code."""
    waiting = threading.Event()
    for _ in range(400):
        if is_true():
            return
        waiting.wait(0.05)
    raise AssertionError("not within 20 s")


@pytest.mark.peers
@pytest.mark.parametrize("release", ["sdk_0_1_45", "sdk_0_1_83"])
def test_the_reference_s_documentation_runs_with_the_import_changed(town, release, request):
    blocks = python_blocks(documentation(request.getfixturevalue(release)))
    assert len(blocks) == 11
    namespace: dict[str, Any] = {}
    for block in blocks:
        if "notifications.drain" in block:
            town.wake_agent()
        if "threads.create" in block:
            namespace["sdk"] = town.owner  # its text says so: the owner of the agent
        if ".stream(" in block:
            run_stream(town, block, namespace)
        else:
            run(block, namespace, town.placeholders)
    assert namespace["sent"]["content"] == "hello from the SDK"
    assert namespace["history"][-1] == namespace["sent"]
    assert [item["event_type"] for item in namespace["payload"]["notifications"]]
    assert (namespace["accepted"]["state"], namespace["approved"]["state"]) == ("visit", "approved")
    assert namespace["thread"]["is_main"]


def test_the_guide_of_the_sdk_runs_as_it_stands_there(town):
    blocks = python_blocks(GUIDE.read_text())
    assert len(blocks) >= 4
    namespace: dict[str, Any] = {}
    for block in blocks:
        with waking(town) if ".stream(" in block else contextlib.nullcontext():
            run(block, namespace, town.placeholders)
