"""Two processes with ten threads each do everything at once; what the contract promises holds all the time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

SECONDS: Final = float(os.environ.get("BACKEND_MIX_SECONDS", "3"))
"""The full run is 60."""


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
def test_seqs_cursors_and_unread_hold_under_everybody_at_once(town, owner):
    people = [town.external(owner, f"agent-{number}") for number in range(6)]
    body = {"user_ids": [person.id for person in people], "title": "Team", "kind": "group"}
    chat = owner.post("/api/chats", body)["id"]
    environment = os.environ | {"TOKENS": " ".join(person.token for person in people)}
    command = [
        sys.executable,
        str(Path(__file__).with_name("mix.py")),
        town.backend.base_url,
        chat,
        str(SECONDS),
    ]
    mixes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = []
    for mix in mixes:
        told, _ = mix.communicate(timeout=SECONDS + 60)
        assert mix.returncode == 0, told
        counts.append(int(told))

    history = whole_history(owner, chat)
    assert [message["seq"] for message in history] == list(range(1, sum(counts) + 1))
    for person in people:
        unread = person.post(f"/api/chats/{chat}/messages/read")
        assert all(message["sender_id"] != person.id for message in unread)
        assert person.get(f"/api/chats/{chat}/messages/unread") == []
        assert person.says(chat, "caught up", enforce_caught_up=True)["seq"]
        for other in people:
            other.post(f"/api/chats/{chat}/messages/read")


def whole_history(somebody, chat):
    history, before = [], ""
    while page := somebody.get(f"/api/chats/{chat}/messages", limit=200, before=before):
        history = page + history
        before = str(history[0]["seq"])
    return history
