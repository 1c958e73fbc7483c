"""An operator's mistake: one message with file, key or line and the fix, an exit code, no traceback."""

from __future__ import annotations

import dataclasses
import http.server
import os
import socket
import subprocess
import sys
import threading

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import ROOT, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


def mistake(process, code, *expected):
    """The process ended with this code and told these things, once and without a traceback."""
    assert process.exit_code() == code, process.transcript()
    told = "\n".join(process.err)
    for part in expected:
        assert part in told, process.transcript()
    assert "Traceback" not in told
    assert sum(line.startswith("error: ") for line in process.err) == 1
    return told


def test_missing_configuration(start, tmp_path):
    mistake(start("run", "--config", tmp_path / "no.toml"), 78, "no.toml: no such file", "config/agent.toml")


def test_malformed_toml(start, household, tmp_path):
    config = write_config(tmp_path / "a", household, extra="oops oops")

    mistake(start("run", "--config", config), 78, "agent.toml: not valid TOML", "line 6")


def test_unknown_key(start, household, tmp_path):
    config = write_config(tmp_path / "a", household, extra="[dispatch]\nconcurency = 3\n")

    mistake(
        start("run", "--config", config),
        78,
        "agent.toml, line 7: [dispatch] concurency: unknown key",
        "'concurrency'",
    )


def test_missing_token_file(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    (tmp_path / "a" / "agent.token").unlink()

    mistake(start("run", "--config", config), 78, "agent.token: cannot read the token")


def test_world_readable_token_file(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    (tmp_path / "a" / "agent.token").chmod(0o644)

    told = mistake(start("run", "--config", config), 78, "open to others (mode 0644)", "chmod 600")
    assert household.agent_token not in told


def test_unknown_plugin(start, household, tmp_path):
    config = write_config(tmp_path / "a", household, plugin="[plugins.ecko]\n")

    mistake(start("run", "--config", config), 78, "line 7: [plugins.ecko]", "Installed: ", "echo")


def test_plugin_that_fails_to_import(start, household, tmp_path):
    config = write_config(tmp_path / "a", household, plugin='[plugins.mine]\npath = "mine.py"\n')
    (tmp_path / "a" / "mine.py").write_text("import os\nimport nothing_like_this\n")

    mistake(
        start("run", "--config", config),
        78,
        "ModuleNotFoundError: No module named 'nothing_like_this' (mine.py, line 2)",
    )


def test_wrong_plugin_setting(start, household, tmp_path):
    config = write_config(tmp_path / "a", household, plugin="[plugins.echo]\nprefixx = 1\n")

    mistake(start("run", "--config", config), 78, "line 8: [plugins.echo] prefixx", "'prefix'")


def test_port_in_use(start, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = tmp_path / "agent.toml"
        config.write_text(
            '[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "s"\n'
            f"[backend]\nport = {port}\n[plugins.echo]\n"
        )

        mistake(start("run", "--config", config), 78, str(port), "in use")
        mistake(start("backend", "--port", port), 78, str(port), "in use")


def test_a_password_in_an_address_is_refused_and_printed_nowhere(start, household, tmp_path):
    household.base_url = household.base_url.replace("//", "//agent:s3cr3t@")
    config = write_config(tmp_path / "a", household)

    process = start("run", "--config", config)

    mistake(process, 78, "agent.toml, line 3: [agent] base_url: must not include a user or password")
    assert "s3cr3t" not in process.transcript()


def test_a_store_of_authorities_that_is_none(start, household, tmp_path):
    household.base_url = "https://127.0.0.1:1"
    config = write_config(tmp_path / "a", household, extra='[network]\ntrust = "system"\n')

    process = start("run", "--config", config, SSL_CERT_FILE="/no/file", SSL_CERT_DIR="/no/folder")

    mistake(process, 78, "agent.toml, line 7: [network] trust", "SSL_CERT_FILE and SSL_CERT_DIR", "ca_file")


def test_second_backend_on_the_same_database(start, tmp_path):
    """By another name too; once the first is gone, it is free."""
    database = tmp_path / "world.sqlite3"
    (tmp_path / "link.sqlite3").symlink_to(database)
    first = start("backend", "--port", 0, "--database", database)
    first.wait_for(lambda process: process.out)

    for name in (database, tmp_path / "link.sqlite3"):
        second = start("backend", "--port", 0, "--database", name)
        mistake(second, 69, str(name), f"pid {first.popen.pid}", "another file")
    first.kill()
    third = start("backend", "--port", 0, "--database", database)
    third.wait_for(lambda process: process.out)
    assert third.stop() == 0


def test_the_database_of_an_embedded_backend_is_its_own(start, tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text('[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "s"\n[plugins.echo]\n')
    agent = start("run", "--config", config)
    agent.wait_event("daemon.started")

    second = start("backend", "--port", 0, "--database", tmp_path / "s" / "backend.sqlite3")
    mistake(second, 69, "backend.sqlite3", f"pid {agent.popen.pid}")
    assert agent.stop() == 0


def test_second_daemon_on_the_same_state_directory(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    first = start("run", "--config", config)
    first.wait_event("stream.connected")

    mistake(start("run", "--config", config), 69, "journal.lock", f"pid {first.popen.pid}")
    assert first.stop() == 0


def test_refused_token(start, household, tmp_path):
    household.agent_token = "forged"
    config = write_config(tmp_path / "a", household)

    told = mistake(start("run", "--config", config), 77, "the token was refused", "token_file")
    assert "forged" not in told


def test_token_refused_while_running(start, household, backend, tmp_path):
    agent = start("run", "--config", write_config(tmp_path / "a", household))
    agent.wait_event("stream.connected")

    backend.faults.refuse(401, times=1000)
    backend.faults.drop_streams()

    mistake(agent, 77, "the token was refused")


@pytest.mark.parametrize("args", [["frobnicate"], ["run", "--confg", "x"], ["read", "--limit", "0"]])
def test_wrong_command_line(start, args):
    process = start(*args)

    assert process.exit_code() == 64, process.transcript()
    assert any("Error:" in line for line in process.err)


def test_state_directory_that_cannot_be_made(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    (tmp_path / "a" / "state").write_text("a file")

    mistake(start("run", "--config", config), 78, "state", "state_dir")


def test_journal_that_is_none(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    (tmp_path / "a" / "state").mkdir()
    (tmp_path / "a" / "state" / "journal.sqlite3").write_bytes(b"not a database" * 1000)

    mistake(start("run", "--config", config), 78, "journal.sqlite3", "not a database", "Move it")


def test_chat_before_anybody_has_started(start, tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text('[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "s"\n[plugins.echo]\n')

    mistake(start("read", "--config", config), 78, "nobody has started this agent yet")


def test_a_backend_that_is_not_there(start, household, tmp_path):
    """For a command that speaks once; `run` waits for it."""
    owner = tmp_path / "owner.token"
    owner.write_text(household.owner_token)
    owner.chmod(0o600)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = dataclasses.replace(household, base_url=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        config = write_config(tmp_path / "a", away)

        told = mistake(
            start("send", "--config", config, "--token-file", owner, "hello"),
            75,
            "the backend does not answer",
            "mycel-runtime run",
        )
    assert household.owner_token not in told


def test_a_variable_named_like_a_section(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)

    process = start("run", "--config", config, MYCEL_RUNTIME_LOG="debug")

    mistake(process, 78, "environment variable MYCEL_RUNTIME_LOG: names a whole section", "LOG__KEY")


def test_a_configuration_in_another_encoding(start, tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text('[agent]\nname = "a"\nbase_url = "embedded"\n[plugins.echo]\n', encoding="utf-16")

    mistake(start("run", "--config", config), 78, "agent.toml: not UTF-8: it looks like UTF-16")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's files")
def test_a_state_directory_of_another_user(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    journal = tmp_path / "a" / "state" / "journal.sqlite3"
    journal.parent.mkdir()
    journal.touch(mode=0o600)
    os.chown(journal, 65534, 65534)

    mistake(
        start("run", "--config", config),
        78,
        "journal.sqlite3: belongs to user nobody, and this is user root",
    )


@pytest.fixture
def owner_file(household, tmp_path):
    path = tmp_path / "owner.token"
    path.write_text(household.owner_token)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["a\udcffb"], "the text is not UTF-8, at character 2"),
        (["--chat", "no-such-chat", "hello"], "name one with --chat"),
    ],
)
def test_what_cannot_be_said(start, household, tmp_path, owner_file, arguments, problem):
    config = write_config(tmp_path / "a", household)

    process = start("send", "--config", config, "--token-file", owner_file, *arguments)

    assert process.exit_code() == 64, process.transcript()
    told = "\n".join(process.err)
    assert problem in told
    assert "Traceback" not in told


def test_an_owner_whose_token_is_refused(start, household, tmp_path, owner_file):
    owner_file.write_text("forged")
    config = write_config(tmp_path / "a", household)

    process = start("send", "--config", config, "--token-file", owner_file, "hello")

    mistake(process, 77, "the token was refused", f"Put the owner's token into {owner_file}")


def test_an_agent_whose_token_only_its_unit_has(start, household, tmp_path, owner_file):
    """Which agent to speak to is told by its daemon then; nobody needs the agent's token to speak to it."""
    config = write_config(tmp_path / "a", household)
    config.write_text(config.read_text().replace('token_file = "agent.token"\n', ""))
    send = ["send", "--config", config, "--token-file", owner_file, "--wait", "30", "hello"]

    mistake(
        start(*send), 78, "agent.toml: [agent]: which agent is this?", "Start the daemon, or name the agent"
    )

    agent = start("run", "--config", config, MYCEL_RUNTIME_AGENT__TOKEN=household.agent_token)
    agent.wait_event("stream.connected")
    sent = start(*send)
    assert (sent.exit_code(), sent.out) == (0, ["echo: hello"]), sent.transcript()


def test_an_address_at_which_no_backend_answers(start, household, tmp_path, owner_file):
    class Login(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>log in</html>")

        def log_message(self, *_):
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Login) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        away = dataclasses.replace(household, base_url=f"http://127.0.0.1:{server.server_port}")
        config = write_config(tmp_path / "a", away)

        process = start("read", "--config", config, "--token-file", owner_file)

        mistake(process, 78, "[agent] base_url: no Mycel backend answers there", "Correct the address")
        server.shutdown()


def test_odd_bytes_that_are_typed_into_chat_are_told_and_the_next_line_is_said(
    household, tmp_path, owner_file
):
    config = write_config(tmp_path / "a", household)
    command = ["chat", "--config", config, "--token-file", owner_file, "--linger", "0"]

    chat = subprocess.run(
        [sys.executable, "-m", "mycel_runtime", *command],
        input=b"\xff\xfe\n\x00\n   \n\x1b[A\nhello\n",
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )

    assert (chat.returncode, chat.stdout) == (64, b"")
    assert chat.stderr.decode().splitlines() == [
        "not said: the text is not UTF-8, at character 1",
        "not said: the text has a control character, U+0000, at 1",
        "not said: the text has a control character, U+001B, at 1",
    ]
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        messages = owner.messages.list(owner.chats.ensure_direct(household.agent_id)["id"])
    assert [message["content"] for message in messages] == ["hello"]
