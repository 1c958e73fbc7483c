"""What a plugin's table holds of secrets is masked in all lines, whoever writes them."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, SecretStr

from mycel_runtime.known_secrets import MASK, masked
from mycel_runtime.plugin.loading import checked_settings
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.settings import load_settings

SECRET = "hunter-22-of-the-plugin"


class Account(BaseModel):
    pin: SecretStr
    more: list[SecretStr] = []


class Bank(BaseModel):
    accounts: dict[str, Account]


@pytest.mark.parametrize("name", ["token", "key", "api_key", "Bot_Token", "db-password", "client_secret"])
def test_a_name_that_says_so_is_enough_also_deep_within_a_plain_table(tmp_path, name):
    config = tmp_path / "agent.toml"
    config.write_text(
        '[agent]\nname = "a"\nbase_url = "embedded"\n'
        f'[plugins.mine]\nservices = [{{"{name}" = "{SECRET}", url = "https://elsewhere.test"}}]\n'
    )
    load_settings(config)

    assert masked(f"{SECRET} at https://elsewhere.test") == f"{MASK} at https://elsewhere.test"


@pytest.mark.parametrize("name", ["key_file", "max_tokens", "monkey", "secret_env"])
def test_a_name_that_only_sounds_like_it_is_none(tmp_path, name):
    checked_settings(Plugin("mine"), "mine", {name: SECRET}, tmp_path / "agent.toml")

    assert masked(SECRET) == SECRET


def test_a_type_that_says_so_is_enough(tmp_path):
    table = {"accounts": {"a": {"pin": SECRET, "more": [f"{SECRET}-2"]}}}
    settings = checked_settings(Plugin("mine", settings=Bank), "mine", table, tmp_path / "agent.toml")

    assert settings.accounts["a"].pin.get_secret_value() == SECRET
    assert masked(f"{SECRET}, {SECRET}-2") == f"{MASK}, {MASK}"


def test_a_process_that_has_not_read_the_file_knows_the_names_too(tmp_path):
    checked_settings(Plugin("mine"), "mine", {"token": SECRET}, tmp_path / "agent.toml")

    assert masked(SECRET) == MASK
