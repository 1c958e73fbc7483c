"""One tree of errors, as printed at its top, and what each means for the process."""

from __future__ import annotations

import inspect
import re

import pytest

from mycel_runtime import errors
from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    ConfigError,
    ConnectionClosed,
    HandshakeError,
    IdentityHeldError,
    IdentityRefusedError,
    JournalFileError,
    MycelError,
    NotCaughtUpError,
    NotSentError,
    PluginError,
    RateLimitedError,
    ReplayOverflow,
    ServerError,
    StateDirectoryError,
    TransportError,
)

DESIGNED_EXIT_CODES = {64, 69, 70, 75, 77, 78}
"""Design section 6; 0 is no error."""

SECRET = "s3cr3t-of-somebody"


def all_errors():
    members = inspect.getmembers(errors, inspect.isclass)
    return {cls for _, cls in members if cls.__module__ == errors.__name__}


def printed_tree():
    """Name, parent and exit code (`None` where none is printed) of each line of the docstring's tree."""
    line = re.compile(
        r"    (?P<indent>(?:[│ ] {3})*)(?:[├└]── )?(?P<name>[A-Z]\w+)(?:.*\bexit (?P<code>\d+))?"
    )
    path = []
    for text in (errors.__doc__ or "").splitlines():
        if not text.startswith("    ") or not (match := line.match(text)):
            continue
        depth = len(match["indent"]) // 4 + (1 if "── " in text else 0)
        path[depth:] = [match["name"]]
        yield match["name"], path[depth - 1] if depth else None, match["code"] and int(match["code"])


def test_printed_tree_is_the_real_tree():
    real = {(cls.__name__, None if cls is MycelError else cls.__mro__[1].__name__) for cls in all_errors()}
    printed = [(name, parent) for name, parent, _ in printed_tree()]
    assert sorted(printed, key=str) == sorted(real, key=str)


def test_printed_exit_codes_are_the_real_ones():
    """A class without a printed code answers as any failure of ours does."""
    printed = {name: code or 70 for name, _, code in printed_tree()}
    assert printed == {cls.__name__: cls.exit_code for cls in all_errors()}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MycelError, 70),
        (IdentityHeldError, 69),
        (IdentityRefusedError, 77),
        (ConfigError, 78),
        (PluginError, 78),
        (StateDirectoryError, 78),
        (JournalFileError, 78),
    ],
)
def test_exit_codes_are_as_designed(error, code):
    assert error.exit_code == code


def test_no_error_has_an_exit_code_of_its_own_invention():
    assert {cls.exit_code for cls in all_errors()} <= DESIGNED_EXIT_CODES


@pytest.mark.parametrize(
    "error", sorted(all_errors(), key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__
)
def test_whoever_catches_the_reference_clients_errors_catches_ours(error):
    """They are `RuntimeError`s there."""
    assert issubclass(error, RuntimeError)


@pytest.mark.parametrize(
    "error", [ApiError, AuthenticationError, NotCaughtUpError, RateLimitedError, ServerError]
)
def test_body_of_an_answer_never_shows(error):
    raised = error(409, "not caught up", SECRET.encode(), retry_after_seconds=2.0)
    assert (raised.status_code, raised.content, raised.retry_after_seconds) == (409, SECRET.encode(), 2.0)
    assert SECRET not in f"{raised} {raised!r} {raised.args}"
    assert str(raised) == "HTTP 409: not caught up"


def test_no_answer_has_status_zero():
    for error in (TransportError("refused"), NotSentError("refused"), ApiError.transport_error("refused")):
        assert error.status_code == 0
        assert error.is_transport_error
    assert not ApiError(500, "x").is_transport_error
    assert isinstance(ApiError.transport_error("refused"), TransportError)


def test_config_error_names_place_problem_and_fix():
    error = ConfigError("no such file", where="agent.toml", fix="Name an existing file.")
    assert str(error) == "agent.toml: no such file\n  Name an existing file."
    assert str(ConfigError("no such file")) == "no such file"


def test_stream_errors_carry_what_the_server_said():
    assert str(ConnectionClosed()) == "stream closed with 1006"
    assert (
        str(ConnectionClosed(1011, "keepalive ping timeout"))
        == "stream closed with 1011: keepalive ping timeout"
    )
    assert HandshakeError(503, "busy", retry_after_seconds=3.0).retry_after_seconds == 3.0
    overflow = ReplayOverflow({"type": "replay_overflow", "since_seq": 3, "oldest_seq": 57})
    assert str(overflow) == "replay overflow: since_seq 3, oldest_seq 57"


def test_identity_errors_tell_the_fix():
    assert "state_dir" in str(IdentityHeldError("state/a", "pid 7"))
    assert "token_file" in str(IdentityRefusedError("https://m", "expired"))
