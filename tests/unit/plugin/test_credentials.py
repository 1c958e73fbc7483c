"""Credentials of systemd for plugins: read, named by a table, handed on."""

from __future__ import annotations

import pytest

from mycel_runtime import CredentialError, read_credential
from mycel_runtime.plugin.credentials import named_in, texts_for


@pytest.fixture
def handed_over(tmp_path, monkeypatch):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "p.key").write_text("of systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_a_credential_is_read_anew_each_time(handed_over):
    assert read_credential("p.key") == "of systemd\n"

    (handed_over / "p.key").write_text("another")
    assert read_credential("p.key") == "another"


@pytest.mark.parametrize("name", ["no", "", ".", "..", "../agent.token", "/etc/hostname"])
def test_what_is_not_handed_over_is_told_with_what_to_do(handed_over, tmp_path, name):
    (tmp_path / "agent.token").write_text("a secret")

    with pytest.raises(CredentialError, match=f"Add LoadCredential={name}:") as refused:
        read_credential(name)
    assert refused.value.where == f"credential {name}"


def test_what_is_no_text_is_refused_without_what_it_holds(handed_over):
    for data in (b"\xff secret", b"x" * 65_537):
        (handed_over / "p.key").write_bytes(data)
        with pytest.raises(CredentialError, match="no text of at most 65536 bytes") as refused:
            read_credential("p.key")
        assert refused.value.__context__ is None


def test_without_systemd_there_is_none(monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    with pytest.raises(CredentialError, match="without systemd use a file"):
        read_credential("p.key")


def test_a_table_names_them_by_its_keys():
    table = {
        "secret_credential": "b",
        "api_key_credential": "a",
        "credential": "no key of this kind",
        "path_credential": "/etc/shadow",
        "up_credential": "../agent.token",
        "blank_credential": "",
        "number_credential": 7,
        "key": "c",
    }
    assert named_in(table) == ["a", "b"]


def test_of_a_unit_its_own_files_are_handed_on_and_what_cannot_be_read_is_not(handed_over, tmp_path):
    (tmp_path / "of-unit").write_text("of the unit")
    table = {"a_credential": "a.key", "p_credential": "p.key", "n_credential": "no", "m_credential": "m.key"}
    files = {"a.key": tmp_path / "of-unit", "m.key": tmp_path / "missing"}

    assert texts_for(table, files) == {"a.key": "of the unit", "p.key": "of systemd\n"}
