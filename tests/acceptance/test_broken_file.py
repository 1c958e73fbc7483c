"""A file that is no TOML any more keeps nobody from the daemon that has read it when it was right."""

from __future__ import annotations

import json
import signal

import pytest

from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.fixture
def command(start, tmp_path):
    """Runs one, and `run` itself, where the state is below a folder of the test's."""

    def run(verb, config, *args):
        return start(*verb.split(), "--config", config, *args, XDG_STATE_HOME=str(tmp_path / "states"))

    return run


def ended(process):
    return process.exit_code(), process.out, process.err


@pytest.mark.parametrize(
    ("place", "state_dir"),
    [
        pytest.param("end", 'state_dir = "state"\n', id="below"),
        pytest.param("beginning", "", id="in the first line, and the agent is called after its file"),
    ],
)
def test_every_command_that_asks_the_daemon_reaches_it(command, household, tmp_path, place, state_dir):
    config = write_config(tmp_path / "a", household)
    right = config.read_text().replace('state_dir = "state"\n', state_dir)
    config.write_text(right)
    agent = command("run", config)
    agent.wait_event("stream.connected")
    config.write_text(right + "[guard\n" if place == "end" else "[[\n" + right)

    following = command("tail", config, "--json", "--event", "pause.*")
    code, out, err = ended(command("dump", config))
    assert (code, any(line.startswith("task ") for line in out)) == (0, True), err

    def is_told_of_a_pause():
        """Nobody says when a follower begins to follow."""
        assert ended(command("pause", config))[:2] == (0, ["agent agent is paused"])
        assert ended(command("resume", config))[:2] == (0, ["agent agent goes on"])
        return following.out

    assert json.loads(until(is_told_of_a_pause)[0])["event"] in {"pause.begun", "pause.ended"}
    assert following.stop(signal.SIGINT) == 0
    for verb in ("work list", "dead list", "outbox list", "store list"):
        assert ended(command(verb, config)) == (0, [], [])
    code, out, _ = ended(command("status", config, "--json"))
    assert (code, json.loads("\n".join(out))["program"]["config_file"]) == (0, str(config))
    assert ended(command("drain", config))[:2] == (0, ["agent: drained; it ends"])
    assert agent.exit_code() == 0
    code, _, err = ended(command("pause", config))
    assert (code, "not valid TOML" in err[0]) == (78, True)


def test_another_agents_daemon_that_is_found_by_the_beginning_is_asked_for_nothing(
    command, household, tmp_path
):
    """A copy of a file, or one of the same name in another folder, is not the file that the daemon has read."""
    config = write_config(tmp_path / "a", household)
    agent = command("run", config)
    agent.wait_event("stream.connected")
    (tmp_path / "b").mkdir()
    copy = tmp_path / "b" / "agent.toml"
    copy.write_text(config.read_text().replace('"state"', f'"{tmp_path}/a/state"') + "[guard\n")

    for verb in ("pause", "resume", "drain", "reload", "status", "dump", "tail", "work list", "version"):
        code, out, err = ended(command(verb, copy))
        assert (code, out[verb == "version" :]) == (78, []), verb
        assert str(copy) in err[0]
        assert "not valid TOML" in err[0]
    for name in ("pause.begun", "reload.refused", "daemon.stopping"):
        assert agent.events(name) == []
    assert agent.stop() == 0
