"""Who lives with an embedded backend."""

from __future__ import annotations

import stat

import pytest

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.daemon.embedded_identity import (
    read_embedded_identity,
    require_embedded_identity,
    settle_embedded_identity,
)
from mycel_runtime.errors import ConfigError, StateDirectoryError


async def test_a_household_is_made_once_and_found_again(tmp_path):
    with LocalBackend() as backend:
        made = await settle_embedded_identity(tmp_path, backend.base_url, "agent")
        found = await settle_embedded_identity(tmp_path, "http://127.0.0.1:1", "agent")

    assert made.chat_id
    assert found == made.model_copy(update={"base_url": "http://127.0.0.1:1"})
    assert require_embedded_identity(tmp_path) == found


async def test_its_file_is_the_owners_only_and_its_tokens_in_no_representation(tmp_path):
    with LocalBackend() as backend:
        embedded = await settle_embedded_identity(tmp_path, backend.base_url, "agent")

    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for token in (embedded.owner_token, embedded.agent_token):
        assert token.get_secret_value() in file.read_text()
        assert token.get_secret_value() not in repr(embedded) + str(embedded)


def test_a_household_that_was_never_made_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="nobody has started this agent yet"):
        require_embedded_identity(tmp_path)


def test_a_damaged_file_is_a_clear_error(tmp_path):
    (tmp_path / "embedded-identity.json").write_text("{")

    with pytest.raises(StateDirectoryError, match=r"embedded-identity\.json"):
        read_embedded_identity(tmp_path)
