"""What can be set, in which order, and how mistakes are told."""

from __future__ import annotations

import errno
import os
import pwd
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from mycel_runtime.errors import ConfigError
from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import (
    DatabaseAddress,
    Settings,
    load_settings,
    read_database,
    read_proxy_credentials,
    read_token,
)
from mycel_runtime.settings.loading import load_beginning
from mycel_runtime.settings.sections import Section

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

CONFIG = Path(__file__).parents[2] / "config"
MINIMAL = '[agent]\nname = "a"\nbase_url = "http://127.0.0.1:1"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(folder, text))
    assert caught.value.exit_code == 78
    return str(caught.value)


@pytest.mark.parametrize("name", ["agent.toml", "local.toml"])
def test_shipped_configuration_loads(name):
    assert load_settings(CONFIG / name).agent.name


EXAMPLE = (CONFIG / "agent.toml").read_text()
UNCOMMENTED = re.sub(r"^# (?=\w+ = |\[)", "", EXAMPLE, flags=re.MULTILINE)

OF_ONE_AGENT = {"agent.name", "agent.base_url", "agent.token", "agent.token_file", "agent.state_dir"}
"""What no two agents share, so that the example's value is no default."""


def keys_of(model: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Every key that can be set, as `section.key`; those of plugins are theirs."""
    found = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys_of(field.annotation, f"{prefix}{name}.")
        elif name != "plugins":
            found[prefix + name] = field
    return found


KEYS = keys_of(Settings)


def shown_keys() -> dict[str, Any]:
    return {
        f"{section}.{key}": value
        for section, table in tomllib.loads(UNCOMMENTED).items()
        if section != "plugins"
        for key, value in table.items()
    }


def explanation(key: str) -> str:
    """What the example says about a key, on its line."""
    section, name = key.split(".")
    (line,) = re.findall(rf"^\[{section}\]\n(?:(?!\[).*\n)*?{name} = (.*)", UNCOMMENTED, flags=re.MULTILINE)
    return line.partition("#")[2].strip()


def test_example_shows_every_key_and_no_other():
    assert sorted(shown_keys()) == sorted(KEYS)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_example_shows_the_default_the_unit_and_the_reason(key):
    """Uncommented, it sets each key to what it is anyway; of what has no default it shows an example."""
    field = KEYS[key]
    if key not in OF_ONE_AGENT and field.default is not None:
        assert shown_keys()[key] == field.default
    assert len(explanation(key)) > 10
    if field.annotation is float:
        assert "second" in explanation(key)


def test_example_is_a_valid_file_with_every_key_set(tmp_path):
    settings = load_settings(write(tmp_path, UNCOMMENTED))
    assert set(settings.plugins) == {"echo", "mine"}


def test_keys_that_the_example_shows_for_any_plugin_are_the_runtimes(tmp_path):
    """They never reach the plugin's own settings, which would refuse them here."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "mine.py").write_text(STRICT)
    config = write(tmp_path, re.sub(r"import_timeout = .*", "", UNCOMMENTED))
    plugins = load_settings(config).plugins

    assert {"path", "isolation"} <= set(plugins["mine"])
    assert load_plugins(plugins, config)


STRICT = """
from pydantic import BaseModel, ConfigDict

from mycel_runtime import Plugin


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


plugin = Plugin("mine", settings=Settings)


@plugin.on_message
async def hear(ctx):
    pass
"""


def test_unknown_key_names_file_line_and_the_nearest_known_one(tmp_path):
    message = refused(tmp_path, MINIMAL + "[inbox]\n\nreconcil_interval = 3\n")

    assert f"{tmp_path}/agent.toml, line 6: [inbox] reconcil_interval: unknown key" in message
    assert "Did you mean 'reconcile_interval'?" in message


def test_unknown_section_names_the_nearest_known_one(tmp_path):
    assert "Did you mean 'dispatch'?" in refused(tmp_path, MINIMAL + "[dispach]\nconcurrency = 2\n")


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    message = refused(tmp_path, MINIMAL + "[inbox]\nping_timeout = -1\n[dispatch]\nconcurrency = 'x'\n")

    assert "2 errors" in message
    assert "line 5: [inbox] ping_timeout: Input should be greater than 0" in message
    assert "line 7: [dispatch] concurrency" in message


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        (
            'name = "two words"',
            "Use letters, digits, '.', '_' and '-', beginning with a letter or a digit, 64 at most.",
        ),
        (
            'base_url = "mycel.example.org"',
            'Use "embedded", or an address that begins with https:// or http://.',
        ),
    ],
)
def test_a_value_of_another_form_is_told_in_words(tmp_path, line, fix):
    """Who runs an agent need not read regular expressions; the value is not repeated, it may hold a password."""
    key = line.partition(" ")[0]
    text = "".join(each + "\n" for each in MINIMAL.splitlines() if not each.startswith(key)) + line + "\n"
    message = refused(tmp_path, text)

    assert f"[agent] {key}: not of the form that is needed" in message
    assert message.endswith(fix)
    assert "secret" not in message


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://u:secret@127.0.0.1/mycel", "must not include a password"),
        ("postgresql://u@127.0.0.1/mycel?password=secret", "must not include a password"),
        ("mysql://u@127.0.0.1/secret", "is no address of a PostgreSQL database"),
        ("postgresql://u@127.0.0.1/my cel", "is no address of a PostgreSQL database"),
        ("postgresql://[secret/mycel", "is no address of a PostgreSQL database"),
        ("postgresql://u@127.0.0.1", "names no database"),
    ],
)
def test_an_address_of_a_database_is_told_without_what_may_be_a_secret(tmp_path, url, problem):
    message = refused(tmp_path, MINIMAL + f'[engine]\nurl = "{url}"\n')

    assert "agent.toml, line 5: [engine] url" in message
    assert problem in message
    assert "secret" not in message


DATABASE = MINIMAL + '[engine]\nurl = "postgresql://u@db/mycel"\n'


def test_a_database_has_its_password_from_the_credential_else_the_file_else_from_nobody(
    tmp_path, monkeypatch
):
    assert read_database(load_settings(write(tmp_path, MINIMAL))) is None
    assert read_database(load_settings(write(tmp_path, DATABASE))) == DatabaseAddress(
        url="postgresql://u@db/mycel", password=None
    )
    file = tmp_path / "database.password"
    file.write_text("of the file\n")
    file.chmod(0o600)
    settings = load_settings(write(tmp_path, DATABASE + 'password_file = "database.password"\n'))
    assert read_database(settings).password.get_secret_value() == "of the file"
    assert "of the file" not in repr(read_database(settings))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "engine.password").write_text("of systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert read_database(settings).password.get_secret_value() == "of systemd"


@pytest.mark.parametrize(
    ("text", "mode", "problem"), [("p", 0o644, "open to others"), ("\n", 0o600, "one password")]
)
def test_a_password_file_that_cannot_be_used_is_told(tmp_path, text, mode, problem):
    file = tmp_path / "database.password"
    file.write_text(text)
    file.chmod(mode)
    settings = load_settings(write(tmp_path, DATABASE + 'password_file = "database.password"\n'))

    with pytest.raises(ConfigError, match=problem):
        read_database(settings)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("http://agent:secret@mycel.example.org", "must not include a user or password"),
        ("https://mycel.example.org:port", "a port is a number from 1 to 65535"),
        ("https://agent:sec/ret@mycel.example.org", "a port is a number from 1 to 65535"),
        ("https://mycel.example.org:0", "has the port 0"),
        ("https://mycel.example.org:65536", "a port is a number from 1 to 65535"),
        ("https://mycel.example.org/?key=secret", "must not include a query or fragment"),
        ("https://mycel.example.org/#here", "must not include a query or fragment"),
        ("https://mycel example.org", "must not include blanks or backslashes"),
        ("https://[::1", "an IPv6 address stands in brackets"),
        ("https://", "must include a host"),
        ("https:///mycel", "must include a host"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_with_its_line_and_never_shown(tmp_path, value, problem):
    message = refused(tmp_path, f'[agent]\nname = "a"\nbase_url = "{value}"\n')

    assert "agent.toml, line 3: [agent] base_url: " in message
    assert problem in message
    assert "secret" not in message
    assert "sec/ret" not in message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://mycel.example.org/", "https://mycel.example.org"),
        ("  HTTPS://Mycel.Example.org:8443/Prefix//  ", "https://mycel.example.org:8443/Prefix"),
        ("http://[::1]:8042/", "http://[::1]:8042"),
        (" embedded ", "embedded"),
    ],
)
def test_one_backend_has_one_address_however_it_is_written(tmp_path, written, meant):
    """The journal keeps what it knows of a server under its address."""
    text = f'[agent]\nname = "a"\nbase_url = "{written}"\n'

    assert load_settings(write(tmp_path, text)).agent.base_url == meant


def test_the_old_key_of_the_proxy_is_refused_with_the_new_one(tmp_path, monkeypatch):
    message = refused(tmp_path, MINIMAL + 'proxy = "http://u:secret@127.0.0.1:1"\n')
    assert "agent.toml, line 4: [agent] proxy: has moved" in message
    assert "Write it as proxy in the section [network]." in message
    assert "secret" not in message

    monkeypatch.setenv("MYCEL_RUNTIME_AGENT__PROXY", "http://u:secret@127.0.0.1:1")
    message = refused(tmp_path, MINIMAL)
    assert "environment variable MYCEL_RUNTIME_AGENT__PROXY: [agent] proxy: has moved" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("ftp://proxy:3128", "must start with http://, socks5:// or socks5h://"),
        ("proxy:3128", "must start with http://"),
        ("http://user:secret@proxy:3128", "proxy_credentials_file"),
        ("http://proxy:3128/path", "must not include a path, query, or fragment"),
        ("http://proxy:0", "has the port 0"),
    ],
)
def test_a_proxy_that_cannot_be_one_is_told_with_its_line_and_never_shown(tmp_path, value, problem):
    message = refused(tmp_path, MINIMAL + f'[network]\nproxy = "{value}"\n')

    assert "agent.toml, line 5: [network] proxy: " in message
    assert problem in message
    assert "secret" not in message


PROXIED = MINIMAL + '[network]\nproxy = "http://proxy:3128"\nproxy_credentials_file = "proxy.credentials"\n'


def test_credentials_of_the_proxy_come_from_a_file_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "proxy.credentials").write_text("me:sec:ret\n")
    (tmp_path / "proxy.credentials").chmod(0o600)
    settings = load_settings(write(tmp_path, PROXIED))
    assert read_proxy_credentials(settings) == ("me", "sec:ret")
    assert "sec:ret" not in repr(settings)

    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "proxy.credentials").write_text("unit:password")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert read_proxy_credentials(settings) == ("unit", "password")
    assert read_proxy_credentials(load_settings(write(tmp_path, MINIMAL))) is None


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        ("me:secret", 0o644, "open to others (mode 0644)"),
        ("secret", 0o600, "must hold USER:PASSWORD"),
        (":secret", 0o600, "must hold USER:PASSWORD"),
        ("me:sec\nret", 0o600, "must hold USER:PASSWORD"),
        (None, 0o600, "cannot read the proxy's credentials"),
    ],
)
def test_bad_credentials_of_the_proxy_are_refused_without_showing_them(tmp_path, content, mode, problem):
    if content is not None:
        (tmp_path / "proxy.credentials").write_text(content)
        (tmp_path / "proxy.credentials").chmod(mode)
    settings = load_settings(write(tmp_path, PROXIED))

    with pytest.raises(ConfigError) as caught:
        read_proxy_credentials(settings)

    assert problem in str(caught.value)
    assert f"{tmp_path}/proxy.credentials" in str(caught.value)
    assert "sec" not in str(caught.value).replace(str(tmp_path), "")


def test_missing_key_is_named(tmp_path):
    assert "line 1: [agent] base_url: missing" in refused(tmp_path, '[agent]\nname = "a"\n')


def test_malformed_toml_names_file_and_line(tmp_path):
    message = refused(tmp_path, MINIMAL + "oops\n")

    assert "agent.toml" in message
    assert "line 4" in message


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml: no such file"):
        load_settings(tmp_path / "gone.toml")


def test_environment_outranks_file_and_command_line_outranks_both(tmp_path, monkeypatch):
    path = write(tmp_path, MINIMAL + "[inbox]\nping_timeout = 1\nping_interval = 1\nconnect_timeout = 1\n")
    monkeypatch.setenv("MYCEL_RUNTIME_INBOX__PING_TIMEOUT", "2")
    monkeypatch.setenv("MYCEL_RUNTIME_INBOX__PING_INTERVAL", "2")

    inbox = load_settings(path, {"inbox": {"ping_timeout": 3}}).inbox

    assert (inbox.ping_timeout, inbox.ping_interval, inbox.connect_timeout) == (3, 2, 1)


def test_credential_outranks_the_token_file(tmp_path, monkeypatch):
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "agent.token").write_text("from-credential\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    settings = load_settings(write(tmp_path, MINIMAL + 'token_file = "a.token"\n'))

    assert read_token(settings).get_secret_value() == "from-credential"


def test_a_blank_credential_has_the_error_of_the_token_file(tmp_path, monkeypatch):
    """The unit of a folder hands it over for a file that is not there, so that the other agents can start."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "token_a").write_text("\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    settings = load_settings(write(tmp_path, MINIMAL + 'token_file = "a.token"\n'))
    with pytest.raises(ConfigError, match=r"a\.token: cannot read the token: No such file"):
        read_token(settings)
    with pytest.raises(ConfigError, match=r"token_a: must hold one token"):
        read_token(load_settings(write(tmp_path, MINIMAL)))


def test_a_credential_that_was_replaced_is_read_anew(tmp_path, monkeypatch):
    (tmp_path / "credentials").mkdir()
    credential = tmp_path / "credentials" / "agent.token"
    credential.write_text("first\n")
    credential.chmod(0o440)  # systemd guards it by an access list
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    settings = load_settings(write(tmp_path, MINIMAL + 'token = "of-the-file"\n'))
    assert read_token(settings).get_secret_value() == "first"

    credential.write_text("second\n")

    assert read_token(settings).get_secret_value() == "second"


def test_foreign_files_among_the_credentials_are_left_alone(tmp_path, monkeypatch):
    (tmp_path / "credentials").mkdir()
    for name in ("agent.name", "agent.nonsense", "db.password", "inbox", "agent"):
        (tmp_path / "credentials" / name).write_bytes(b"\xff\x00 not ours")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    assert load_settings(write(tmp_path, MINIMAL)).agent.name == "a"


def test_a_variable_sets_one_key_and_leaves_what_else_the_file_says_in_its_table(tmp_path, monkeypatch):
    monkeypatch.setenv("MYCEL_RUNTIME_INBOX__PING_TIMEOUT", "2")
    monkeypatch.setenv("mycel_runtime_plugins__echo__limits__most", "3")
    text = MINIMAL + "[inbox]\nping_interval = 7\nping_timeout = 9\n[plugins.echo.limits]\nleast = 1\n"

    settings = load_settings(write(tmp_path, text), {"inbox": {"queue_frames": 5}})

    assert (settings.inbox.ping_timeout, settings.inbox.ping_interval, settings.inbox.queue_frames) == (
        2,
        7,
        5,
    )
    assert settings.plugins == {"echo": {"limits": {"least": 1, "most": 3}}}


def test_what_an_override_says_ranks_above_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MYCEL_RUNTIME_LOG__LEVEL", "debug")

    settings = load_settings(write(tmp_path, MINIMAL), {"log": {"level": "error"}})

    assert settings.log.level == "error"


@pytest.mark.parametrize("section", ["AGENT", "LOG", "PLUGINS"])
def test_a_variable_named_like_a_section_is_named_with_the_fix(tmp_path, monkeypatch, section):
    monkeypatch.setenv(f"MYCEL_RUNTIME_{section}", "codex-a")

    message = refused(tmp_path, MINIMAL)

    assert f"environment variable MYCEL_RUNTIME_{section}: names a whole section" in message
    assert f"MYCEL_RUNTIME_{section}__KEY" in message


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("MYCEL_RUNTIME_LOG__LEVEL", "loud", "environment variable MYCEL_RUNTIME_LOG__LEVEL: [log] level"),
        ("MYCEL_RUNTIME_LOG__LEVLE", "info", "environment variable MYCEL_RUNTIME_LOG__LEVLE: [log] levle"),
        ("MYCEL_RUNTIME_INBX__PING", "1", "environment variable MYCEL_RUNTIME_INBX__PING: unknown section"),
        (
            "MYCEL_RUNTIME_ENGINE__URL",
            "postgresql://u:secret@h/d",
            "MYCEL_RUNTIME_ENGINE__URL: [engine] url: must not include a password",
        ),
        ("MYCEL_RUNTIME_PLUGINS__ECHO", "3", "environment variable MYCEL_RUNTIME_PLUGINS__ECHO: [plugins]"),
    ],
)
def test_a_mistake_of_the_environment_is_told_of_the_variable(tmp_path, monkeypatch, name, value, problem):
    monkeypatch.setenv(name, value)

    assert problem in refused(tmp_path, MINIMAL)


def test_a_byte_order_mark_is_accepted(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(MINIMAL + 'token_file = "a.token"\n', encoding="utf-8-sig")
    (tmp_path / "a.token").write_bytes(b"\xef\xbb\xbftoken\r\n")
    (tmp_path / "a.token").chmod(0o600)

    assert read_token(load_settings(path)).get_secret_value() == "token"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (MINIMAL.encode("utf-16"), "agent.toml: not UTF-8: it looks like UTF-16"),
        (MINIMAL.encode("utf-16-le"), "agent.toml: not UTF-8: it looks like UTF-16"),
        (MINIMAL.encode() + b"# gr\xfc\xdfe\n", "agent.toml: not UTF-8 in line 4"),
    ],
)
def test_another_encoding_is_named(tmp_path, data, problem):
    path = tmp_path / "agent.toml"
    path.write_bytes(data)

    with pytest.raises(ConfigError, match=r"(?s)UTF-8.*Save it as UTF-8") as caught:
        load_settings(path)

    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "data", ["secret-tökén".encode("latin-1"), "secret-tökén".encode(), "secret".encode("utf-16")]
)
def test_a_token_file_of_another_encoding_is_refused_without_showing_it(tmp_path, data):
    settings = load_settings(write(tmp_path, MINIMAL + 'token_file = "a.token"\n'))
    (tmp_path / "a.token").write_bytes(data)
    (tmp_path / "a.token").chmod(0o600)

    with pytest.raises(ConfigError, match=r"a\.token") as caught:
        read_token(settings)

    assert "secret" not in str(caught.value)


def test_an_empty_token_of_the_environment_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MYCEL_RUNTIME_AGENT__TOKEN", " ")

    with pytest.raises(ConfigError, match="environment variable MYCEL_RUNTIME_AGENT__TOKEN"):
        read_token(load_settings(write(tmp_path, MINIMAL)))


@pytest.mark.parametrize("home", [None, ""])
def test_without_a_home_the_fix_is_told(tmp_path, monkeypatch, home):
    def no_such_user(_):
        raise KeyError

    for name in ("HOME", "STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(pwd, "getpwuid", no_such_user)

    with pytest.raises(ConfigError, match=r"Set \[agent\] state_dir"):
        _ = load_settings(write(tmp_path, MINIMAL)).state_dir
    if home is None:
        assert "Name it without '~'" in refused(tmp_path, MINIMAL + 'state_dir = "~/s"\n')


def test_paths_are_relative_to_the_file(tmp_path):
    settings = load_settings(write(tmp_path, MINIMAL + 'token_file = "a.token"\nstate_dir = "s"\n'))

    assert settings.agent.token_file == tmp_path / "a.token"
    assert settings.state_dir == tmp_path / "s"


def test_state_directory_follows_systemd_then_xdg(tmp_path, monkeypatch):
    settings = load_settings(write(tmp_path, MINIMAL))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert settings.state_dir == Path("/xdg/mycel-runtime/a")

    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/mycel-runtime/a")
    assert settings.state_dir == Path("/var/lib/mycel-runtime/a")


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (None, 0o600, "cannot read the token"),
        ("secret-token", 0o644, "open to others (mode 0644)"),
        ("", 0o600, "must hold one token"),
        ("two words", 0o600, "must hold one token"),
    ],
)
def test_bad_token_file_is_refused_without_showing_it(tmp_path, content, mode, problem):
    settings = load_settings(write(tmp_path, MINIMAL + 'token_file = "a.token"\n'))
    if content is not None:
        (tmp_path / "a.token").write_text(content)
        (tmp_path / "a.token").chmod(mode)

    with pytest.raises(ConfigError) as caught:
        read_token(settings)

    assert problem in str(caught.value)
    assert "secret-token" not in str(caught.value)


def test_a_token_file_that_is_replaced_while_it_is_read_is_one_file(tmp_path, monkeypatch):
    """What was read and whose mode was looked at must not be two files, or none."""
    path = tmp_path / "a.token"
    path.write_text("token")
    path.chmod(0o600)
    settings = load_settings(write(tmp_path, MINIMAL + 'token_file = "a.token"\n'))
    stat = Path.stat

    def taken_away(file, *args, **options):
        if file == path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return stat(file, *args, **options)

    monkeypatch.setattr(Path, "stat", taken_away)
    assert read_token(settings).get_secret_value() == "token"


def test_no_token_at_all_says_where_one_may_come_from(tmp_path):
    with pytest.raises(ConfigError, match="MYCEL_RUNTIME_AGENT__TOKEN"):
        read_token(load_settings(write(tmp_path, MINIMAL)))


def test_token_is_in_no_representation(tmp_path, monkeypatch):
    monkeypatch.setenv("MYCEL_RUNTIME_AGENT__TOKEN", "secret-token")

    settings = load_settings(write(tmp_path, MINIMAL))

    assert "secret-token" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    "below",
    [
        "[guard\nturns = 3\n",
        '[guard]\nturns = 3\nturns = "again"\n',
        '[plugins.p]\nprompt = """never ended\n',
        "[guard]\nturns = 'many'\n",
    ],
)
def test_the_beginning_of_a_file_that_is_no_toml_tells_whose_it_is(tmp_path, below):
    path = tmp_path / "agent.toml"
    path.write_text(f'[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "s"\n{below}')
    found = load_beginning(path)
    assert (found.agent.name, found.agent.state_dir) == ("a", tmp_path / "s")

    path.write_text('[agent\nname = "a"\n')
    assert load_beginning(path).agent.name == "agent"
    for text, name in ((b"\xff", "agent.toml"), (b"[agent", "no name.toml"), (b"agent = 1\n[", "agent.toml")):
        (tmp_path / name).write_bytes(text)
        assert load_beginning(tmp_path / name) is None


def test_agents_whose_files_do_not_mention_a_section_share_it(tmp_path):
    """A process may have a thousand, with a dozen sections each."""
    settings = []
    for name in ("one", "other"):
        path = tmp_path / f"{name}.toml"
        path.write_text(f'[agent]\nname = "{name}"\nbase_url = "http://backend:1"\ntoken_file = "t"\n')
        settings.append(load_settings(path))
    sections = [name for name, field in Settings.model_fields.items() if isinstance(field.default, Section)]

    assert len(sections) >= 10
    apart = [name for name in sections if getattr(settings[0], name) is not getattr(settings[1], name)]
    # There is a list in it, so that pydantic copies the default.
    assert apart == ["http"]
    assert settings[0].agent.token_file == tmp_path / "t"
