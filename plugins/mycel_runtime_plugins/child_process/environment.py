"""Which variables a program is given: few pass by themselves, some by name, and the agent's own never. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PASSING: Final = (
    # Where things are, who one is, and in which language.
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LC_*", "XDG_*"),
    # The way into the network, which the runtime was given for itself too.
    *(
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"),
)
"""Names and patterns of what passes by itself. No key of a model's provider: which one a program may have is said."""

NEVER: Final = (
    # The agent's token and settings.
    "MYCEL_*",
    # What systemd gives the runtime alone: files with secrets, and who may speak for the unit.
    *("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"),
    *("WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID", "JOURNAL_STREAM"),
)
"""Names and patterns of what no program is given, whoever asks for it."""


def child_environment(
    ours: Mapping[str, str], *, passing: Iterable[str] = (), variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """
    The whole environment of a program.

    Args:
        ours: Of the runtime: `os.environ`.
        passing: Names and patterns (`ANTHROPIC_*`) of what passes besides `PASSING`.
        variables: What is set, whatever the runtime has.
    """
    patterns = (*PASSING, *passing)
    passed = {name: value for name, value in ours.items() if _matches(name, patterns)}
    both = passed | dict(variables or {})
    return {name: value for name, value in both.items() if not _matches(name, NEVER)}


def refused_variables(names: Iterable[str]) -> list[str]:
    """Those of the names and patterns that name only what no program is given: whoever wrote them is to be told."""
    return [name for name in names if _matches(name, NEVER)]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
