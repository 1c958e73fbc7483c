"""What is wrong, or missing, is said before anybody speaks: with the line, and with what to do."""

from __future__ import annotations

import importlib.util

import pytest
from pydantic import SecretStr

from mycel_runtime.errors import PluginError
from mycel_runtime.known_secrets import masked
from mycel_runtime.plugin.loading import checked_settings
from mycel_runtime_plugins.llm import plugin
from mycel_runtime_plugins.llm.api_key import read_api_key
from mycel_runtime_plugins.llm.requirements import missing
from mycel_runtime_plugins.llm.settings import LlmSettings
from mycel_runtime_plugins.missing import ALLOW_MISSING, Missing

LOCAL = {"model": "m", "base_url": "http://127.0.0.1:1/v1"}


def load(folder, **table):
    return checked_settings(plugin, "llm", {"model": "m"} | table, folder / "agent.toml")


def draft(**table):
    return LlmSettings.model_validate(LOCAL | table, context={ALLOW_MISSING: True})


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "llm.key"
    path.touch(mode=0o600)
    path.write_text("sk-secret\n")
    return path


def test_a_key_is_read_from_a_file_beside_the_configuration_and_shown_to_nobody(tmp_path, key_file):
    settings = load(tmp_path, api_key_file="llm.key")

    assert read_api_key(settings) == SecretStr("sk-secret")
    assert "sk-secret" not in repr(settings) + repr(read_api_key(settings))
    assert masked("asked with sk-secret") == "asked with ***"


def test_a_key_of_the_environment_or_of_systemd_will_do(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-env")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "llm").write_text("sk-credential\n")

    assert read_api_key(load(tmp_path, api_key_env="MY_KEY")) == SecretStr("sk-env")
    assert read_api_key(load(tmp_path, api_key_credential="llm")) == SecretStr("sk-credential")


def test_a_server_of_ones_own_may_want_no_key(tmp_path):
    assert read_api_key(load(tmp_path, base_url="http://127.0.0.1:1/v1")) == SecretStr("")


def test_a_missing_package_is_named_with_the_command_that_gets_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(
        PluginError, match=r'package openai is missing: pip install "mycel-runtime\[openai\]"'
    ):
        load(tmp_path, **LOCAL)


def test_all_that_is_missing_is_data(tmp_path, key_file, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    key_file.chmod(0o644)

    settings = draft(api="anthropic", api_key_file=str(key_file), system_file="s.md", tools="t.py")

    assert missing(settings) == [
        Missing(what="the package anthropic", fix='pip install "mycel-runtime[anthropic]"'),
        Missing(what="a key that is not open to others (mode 0644)", fix=f"chmod 600 '{key_file}'"),
        Missing(what="the file s.md", fix="Write it, or correct system_file."),
        Missing(what="the file t.py", fix="Write it, or correct tools."),
    ]


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"api_key_file": "none"}, "the file none"),
        ({"api_key_env": "NO_SUCH_KEY"}, "a key in the environment variable NO_SUCH_KEY"),
        ({"api_key_credential": "no"}, "the credential no (No such file or directory)"),
        ({"api_key_credential": "../no"}, "the credential ../no (there is none)"),
        ({"base_url": ""}, "a key for https://api.openai.com/v1"),
    ],
)
def test_a_key_that_is_not_there_is_missing(table, what, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nonexistent")

    (found,) = missing(draft(**table))

    assert found.what == what


def test_a_file_that_holds_no_key_is_told_without_what_it_holds(tmp_path, key_file):
    key_file.write_text("two words\n")

    (found,) = missing(draft(api_key_file=str(key_file)))

    assert found == Missing(what=f"a key in {key_file}", fix="Put the key there, alone.")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"base_url": "ftp://x"}, "base_url must begin with http"),
        ({"base_url": "http://user:secret@x/v1"}, "base_url must hold no password"),
        ({"parameters": {"stream": False}}, "parameters must not hold stream"),
        ({"api_key_env": "A", "api_key_file": "b"}, "use one of api_key_file, api_key_env"),
        ({"modle": "m"}, "unknown key"),
        ({"history_tokens": 5}, "greater than or equal to 100"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, table, problem):
    with pytest.raises(PluginError, match=problem) as raised:
        load(tmp_path, **table)

    assert "secret" not in str(raised.value)


def test_the_most_tokens_are_called_as_the_endpoint_calls_them():
    assert draft().tokens_key == "max_tokens"
    assert draft(base_url="", api_key_env="A").tokens_key == "max_completion_tokens"
    assert draft(answer_tokens_key="n_predict").tokens_key == "n_predict"
