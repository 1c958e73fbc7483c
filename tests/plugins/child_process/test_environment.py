"""What passes to programs, and what never does."""

from __future__ import annotations

import pytest

from mycel_runtime_plugins.child_process import (
    ExitStatus,
    ProgramUnavailableError,
    child_environment,
    find_program,
    refused_variables,
)

OURS = {
    "PATH": "/bin",
    "LC_TIME": "de_DE",
    "https_proxy": "http://proxy",
    "MYCEL_RUNTIME_AGENT__TOKEN": "secret",
    "MYCEL_API_KEY": "secret",
    "CREDENTIALS_DIRECTORY": "/run",
    "NOTIFY_SOCKET": "@x",
    "OPENAI_API_KEY": "key",
    "OPENAI_BASE_URL": "http://model",
    "PYTHONPATH": "/ours",
}


def test_few_pass_by_themselves():
    assert child_environment(OURS) == {"PATH": "/bin", "LC_TIME": "de_DE", "https_proxy": "http://proxy"}


def test_others_pass_by_name_or_are_set():
    made = child_environment(OURS, passing=["OPENAI_*"], variables={"PATH": "/opt", "X": "1"})

    assert made["OPENAI_API_KEY"] == "key"
    assert made["PATH"] == "/opt"
    assert made["X"] == "1"
    assert "PYTHONPATH" not in made


def test_the_agents_own_never_pass_whoever_asks():
    made = child_environment(OURS, passing=["*"], variables={"MYCEL_TOKEN": "secret"})

    assert "secret" not in made.values()
    assert made.keys().isdisjoint({"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"})
    assert refused_variables(["MYCEL_TOKEN", "MYCEL_*", "OPENAI_*"]) == ["MYCEL_TOKEN", "MYCEL_*"]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (ExitStatus(code=3), "exit status 3"),
        (ExitStatus(signal=15), "ended by SIGTERM"),
        (ExitStatus(signal=200), "ended by signal 200"),
        (ExitStatus(), "an unknown end"),
    ],
)
def test_an_end_is_told_in_words(status, text):
    assert str(status) == text


def test_a_program_is_found_as_the_kernel_would(tmp_path):
    (tmp_path / "tool").touch(mode=0o755)
    (tmp_path / "text").touch(mode=0o644)

    assert find_program("./tool", folder=tmp_path, environment={}) == tmp_path / "tool"
    assert find_program("tool", folder=tmp_path, environment={"PATH": str(tmp_path)}) == tmp_path / "tool"
    for name, said in (("./text", "Permission denied"), ("./no", "No such file"), ("text", "is not in PATH")):
        with pytest.raises(ProgramUnavailableError, match=said):
            find_program(name, folder=tmp_path, environment={"PATH": str(tmp_path)})
