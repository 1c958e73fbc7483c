"""The commands as an operator's script gives them, in this process and on a real backend."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
import trustme
from click.testing import CliRunner

from mycel_runtime.cli.failure import answer
from mycel_runtime.cli.main import cli
from mycel_runtime.sdk import Client
from tests.unit.sdk.proxies import relay
from tests.unit.sdk.wire import serving


class Done:
    """Exit code, and what was printed where."""

    def __init__(self, result):
        self.code = result.exit_code
        self.out = result.stdout
        self.err = result.stderr


@pytest.fixture
def do(capsys):
    """Runs a command line; what it raises is answered as `main` does."""

    def run(*arguments, given=""):
        result = CliRunner().invoke(cli, list(map(str, arguments)), input=given, standalone_mode=False)
        done = Done(result)
        if isinstance(result.exception, Exception):
            capsys.readouterr()
            done.code = answer(result.exception)
            done.err += capsys.readouterr().err
        elif result.return_value is not None:
            done.code = int(result.return_value)
        assert "Traceback" not in done.err
        return done

    return run


@pytest.fixture
def secrets(backend, homes):
    """Every token that is anywhere in the files of the test."""

    def found():
        texts = [path.read_text() for path in homes.rglob("*.token")]
        texts += [json.loads(path.read_text())["token"] for path in homes.rglob("*.json")]
        return {text.strip() for text in texts if text.strip()}

    return found


def test_an_owner_makes_agents_and_sees_them(do, backend, secrets, homes):
    at = ("--backend", backend.base_url)
    said = [do("login", *at, "--guest", "--json")]
    said += [
        do("agent", "create", "bot", *at),
        do("agent", "create", "other", *at, "--user-id", "o-1", "--json"),
    ]
    again = do("login", *at)
    listed = do("agent", "list", *at, "--json")

    assert [done.code for done in (*said, again, listed)] == [0] * 5
    assert json.loads(said[0].out)["expires_at"] is None
    assert json.loads(said[2].out)["user_id"] == "o-1"
    assert "does not expire" in again.err
    rows = [json.loads(line) for line in listed.out.splitlines()]
    assert [(row["user_id"], row["kind"]) for row in rows] == [("bot", "made here"), ("o-1", "made here")]
    assert (homes / "bot.token").stat().st_mode & 0o777 == 0o600
    assert len(secrets()) == 3
    printed = "".join(done.out + done.err for done in (*said, again, listed))
    assert [token for token in secrets() if token in printed] == []


def test_a_password_comes_from_a_file_that_others_cannot_read(do, backend, homes):
    backend.ask("add_user", email="ada@example.org", password="s3cret")
    (homes / "pw").write_text("s3cret\n")
    command = ("login", "--backend", backend.base_url, "--login", "ada@example.org", "--password-file", "pw")
    (homes / "pw").chmod(0o644)
    refused = do(*command)
    (homes / "pw").chmod(0o600)
    taken = do(*command)
    by_pipe = do("agent", "list", *command[1:-1], "-", given="s3cret\n")

    assert (refused.code, taken.code, by_pipe.code) == (78, 0, 0)
    assert "chmod 600" in refused.err
    assert "expires" in taken.err
    assert [line.split()[-1] for line in by_pipe.out.splitlines()] == []


def test_a_logout_leaves_no_token_and_asks_before_a_guest_is_lost(do, backend, secrets, homes):
    at = ("--backend", backend.base_url)
    do("login", *at, "--guest")
    do("agent", "create", "bot", *at)
    (token,) = secrets() - {(homes / "bot.token").read_text().strip()}

    for given in ("n\n", ""):
        kept = do("logout", *at, given=given)
        assert (kept.code != 0, token in secrets(), "is a guest" in kept.out + kept.err) == (True, True, True)
    gone = do("logout", *at, "--yes")
    assert (gone.code, token in secrets()) == (0, False)
    assert f"is forgotten at {backend.base_url}; the token does not expire" in gone.out
    assert "going on with tokens of their own: bot" in gone.out
    again = do("logout", *at, "--yes")
    assert (again.code, f"nobody is logged in at {backend.base_url}" in again.err) == (64, True)

    backend.ask("add_user", email="ada@example.org", password="s3cret")
    (homes / "pw").write_text("s3cret\n")
    (homes / "pw").chmod(0o600)
    do("login", *at, "--login", "ada@example.org", "--password-file", "pw")
    assert do("logout", *at).code == 0, "whoever has a password logs in again"
    assert secrets() == {(homes / "bot.token").read_text().strip()}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["login", "--guest", "--login", "a"], 64, "choose one"),
        (["login", "--backend", "ftp://h"], 64, "must start with"),
        (["login", "--backend", "local"], 64, "in the agent's own process has an owner already"),
        (["login", "--backend", "http://127.0.0.1:9", "--guest"], 75, "the backend does not answer"),
        (["agent", "create", "bot", "--backend", "BACKEND"], 64, "Give --login ADDRESS"),
        (["init", "--backend", "BACKEND"], 64, "Give --login ADDRESS"),
        (["init", "--backend", "local", "--plugin", "ekko"], 78, "no installed plugin is called 'ekko'"),
        (["init", "--backend", "local", "--plugin", "acp"], 64, "Give --set agent=VALUE"),
        (["init", "--backend", "local", "--plugin", "echo", "--set", "prefx=a"], 78, "prefx"),
        (["init", "--set", "prefix=a"], 64, "Name it with --plugin"),
        (["agent", "create", "a:b", "--backend", "BACKEND"], 64, "is no id for an agent"),
        (["init", "--user-id", "a/b"], 64, "is no id for an agent"),
        (["init", "--name", "a b"], 64, "is no name for an agent"),
        (["init", "--config", "no/agent.toml"], 78, "mkdir -p"),
        (["logout", "--backend", "ftp://h"], 64, "must start with"),
        (["logout", "--backend", "local"], 64, "in the agent's own process has an owner already"),
        (["logout", "--backend", "http://127.0.0.1:9"], 64, "nobody is logged in at http://127.0.0.1:9"),
        (["token", "import", "--config", "no.toml"], 78, "no such file"),
    ],
)
def test_a_mistake_is_told_with_what_helps_and_leaves_nothing(do, backend, homes, arguments, code, told):
    done = do(*(backend.base_url if each == "BACKEND" else each for each in arguments), given="x\n")

    assert (done.code, told in done.err) == (code, True), done.err
    assert [path.name for path in homes.iterdir()] == []


def test_the_environment_tells_how_a_private_backend_is_reached(do, backend, homes, monkeypatch):
    authority, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(homes / "ca.pem")

    def gateway(peer, _server):
        with socket.create_connection(("127.0.0.1", backend.port), 10) as there:
            relay(peer.connection, there)

    with serving(gateway, tls) as server:
        command = ("agent", "create", "bot", "--backend", server.base_url, "--guest")
        distrusted = do(*command)
        monkeypatch.setenv("MYCEL_RUNTIME_NETWORK__CA_FILE", str(homes / "ca.pem"))
        trusted = do(*command)

    assert (distrusted.code, trusted.code) == (75, 0), trusted.err
    assert "certificate" in distrusted.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NETWORK__PROXY", "nonsense"), ("LOG__LEVEL", "loud"), ("LOGS__LEVEL", "info")],
)
def test_a_wrong_variable_is_named_before_anything_is_made(do, backend, homes, monkeypatch, variable, value):
    monkeypatch.setenv(f"MYCEL_RUNTIME_{variable}", value)

    done = do("init", "--backend", backend.base_url, "--guest")

    assert done.code == 78, done.err
    assert f"environment variable MYCEL_RUNTIME_{variable}" in done.err
    assert list(homes.iterdir()) == []


class TestTokens:
    """`token import`."""

    @pytest.fixture
    def agents(self, backend, homes):
        """A configuration of one agent, and the tokens of an owner and of two agents."""
        with Client(base_url=backend.base_url) as nobody:
            tokens = {"owner": nobody.auth.create_guest_owner("owner")["token"]}
        with Client(base_url=backend.base_url, auth_token=tokens["owner"]) as owner:
            for name in ("one", "two"):
                tokens[name] = owner.auth.create_external_user(name, name)["token"]
        self.config = homes / "agent.toml"
        self.write(backend, "")
        return tokens

    def write(self, backend, extra):
        self.config.write_text(
            f'[agent]\nname = "one"\nbase_url = "{backend.base_url}"\ntoken_file = "sub.token"\n'
            f"{extra}\n[plugins.echo]\n"
        )

    def test_is_checked_and_kept_where_the_file_points(self, do, agents, homes):
        done = do("token", "import", given=agents["one"] + "\n")

        kept = homes / "sub.token"
        assert (done.code, kept.read_text().strip()) == (0, agents["one"])
        assert kept.stat().st_mode & 0o777 == 0o600
        assert agents["one"] not in done.out + done.err
        assert done.out == f"{kept}: the token of one (one)\n"

    @pytest.mark.parametrize(
        ("given", "code", "told"),
        [
            ("owner", 77, "a human, not an external agent"),
            ("garbage", 77, "the token was refused"),
            ("two words", 64, "this is no token"),
            ("two", 64, "say --replace"),
        ],
    )
    def test_of_somebody_else_is_refused_and_the_former_one_stays(self, do, agents, homes, given, code, told):
        do("token", "import", given=agents["one"])
        done = do("token", "import", given=agents.get(given, given))

        assert (done.code, told in done.err) == (code, True), done.err
        assert (homes / "sub.token").read_text().strip() == agents["one"]

    def test_of_another_agent_is_taken_if_that_is_said(self, do, agents, homes):
        do("token", "import", given=agents["one"])

        assert do("token", "import", "--replace", given=agents["two"]).code == 0
        assert (homes / "sub.token").read_text().strip() == agents["two"]

    def test_of_another_agent_than_the_file_names_is_never_taken(self, do, agents, backend, homes):
        self.write(backend, 'user_id = "one"')

        assert do("token", "import", "--replace", given=agents["two"]).code == 77
        assert not (homes / "sub.token").exists()
