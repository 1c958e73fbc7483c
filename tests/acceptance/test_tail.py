"""What happens in a running daemon is followed from outside, over its restart, and ends by Ctrl-C."""

from __future__ import annotations

import json
import signal
import time

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


def told(process):
    return [json.loads(line)["event"] for line in list(process.out)]


def speak_until_told(owner, chat_id, *followers):
    """Nobody says when a follower begins to follow: somebody speaks until each was told of an answer."""
    seen = [len(told(follower)) for follower in followers]
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        owner.messages.send(chat_id, "some words", enforce_caught_up=False)
        time.sleep(0.3)
        if all("message.sent" in told(each)[count:] for each, count in zip(followers, seen, strict=True)):
            return
    raise AssertionError([follower.transcript() for follower in followers])


def test_facts_are_followed_over_a_restart_and_hold_up_no_end(start, household, tmp_path):
    config = write_config(tmp_path / "a", household, extra='[log]\nlevel = "error"\n')
    agent = start("run", "--config", config)
    command = ["tail", "--config", config, "--json", "--event", "message.sent", "--event", "daemon.*"]
    following, alone = start(*command, "--follow"), start(*command, "--follow")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat_id = owner.chats.ensure_direct(household.agent_id)["id"]
        speak_until_told(owner, chat_id, following, alone)
        assert alone.stop(signal.SIGINT) == 0
        alone = start(*command)
        speak_until_told(owner, chat_id, following, alone)
        assert agent.stop() == 0
        assert alone.exit_code() == 75
        assert "the daemon has ended" in alone.err[0]
        assert told(alone)[-1] == "daemon.stopped"
        agent = start("run", "--config", config)
        speak_until_told(owner, chat_id, following)

    assert following.stop(signal.SIGINT) == 0
    assert "some words" not in following.transcript()
    assert agent.stop() == 0
