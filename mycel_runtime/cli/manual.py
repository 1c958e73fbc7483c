"""The manual page, in roff, made of what the commands' own `--help` says. Does no I/O."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_CODES: Final = {
    0: "all is well; of run: stopped by a signal",
    1: "of replay only: changed code would do something otherwise",
    64: "the command line is wrong, or what was to be said cannot be said",
    69: "another process holds this agent's journal, or speaks as this agent",
    70: "the journal failed, or a bug",
    75: "not now: the backend or the daemon does not answer, or is not ready",
    77: "the backend refuses the token, or it is not this agent's",
    78: "the configuration, a plugin or the state directory is wrong",
    130: "interrupted by Ctrl-C",
}

_ENVIRONMENT: Final = {
    "MYCEL_RUNTIME_SECTION__KEY": "Sets a key of the configuration, before the file: MYCEL_RUNTIME_LOG__LEVEL=debug.",
    "CREDENTIALS_DIRECTORY": "By systemd: in it lie agent.token, http.token, proxy.credentials, engine.password and"
    " plugins' keys.",
    "STATE_DIRECTORY": "Set by systemd: where the journal lives unless state_dir is set.",
    "XDG_STATE_HOME": "Below it the journal lives without either.",
}

_FILES: Final = {
    "agent.toml": "The configuration of an agent; --config names another file.",
    "/etc/mycel-runtime/NAME.toml": "That of mycel-runtime@NAME.service.",
    "/var/lib/mycel-runtime/NAME": "Its state directory, with the journal and the control socket.",
}


def manual_page(group: click.Group, program: str, version: str) -> str:
    """
    The page as a whole, for `man`.

    Args:
        group: With all commands below it.
        program: Its name.
        version: Of the runtime.
    """
    ctx = click.Context(group, info_name=program)
    lines = [
        f'.TH {program.upper()} 1 "" "{_text(f"{program} {version}")}" "User Commands"',
        ".SH NAME",
        _text(f"{program} - keep an external agent present on Mycel, day and night"),
        ".SH SYNOPSIS",
        f".B {_text(program)}",
        r".RI [ options ] " + r'" " command " " [ arguments ]',
        ".SH DESCRIPTION",
        *_paragraphs(group.help or ""),
        ".SH COMMANDS",
        *(line for path, command in _leaves(group, ctx) for line in _command(path, command)),
        ".SH EXIT STATUS",
        *_table({str(code): meaning for code, meaning in EXIT_CODES.items()}),
        ".SH ENVIRONMENT",
        *_table(_ENVIRONMENT),
        ".SH FILES",
        *_table(_FILES),
        ".SH SEE ALSO",
        r".BR systemctl (1),",
        r".BR systemd.service (5)",
    ]
    return "\n".join(lines) + "\n"


def _leaves(group: click.Group, ctx: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """Every command that does something, as it is typed."""
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=ctx)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield below, command
        if isinstance(command, click.Group):
            yield from _leaves(command, below)


def _command(ctx: click.Context, command: click.Command) -> Iterator[str]:
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield f'.SS "{_text(usage)}"'
    yield from _paragraphs(command.help or "")
    yield from _options(ctx, command)
    yield from _paragraphs(command.epilog or "")


def _options(ctx: click.Context, command: click.Command) -> Iterator[str]:
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and "--help" not in record[0]:
            yield ".TP"
            yield f".B {_text(record[0])}"
            yield _text(record[1]) or r"\&"


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs are filled, but for those that click leaves as they are."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = paragraph.splitlines()
        if lines and lines[0].strip() == "\b":
            yield from (".PP", ".nf", *map(_text, lines[1:]), ".fi")
        elif lines:
            yield from (".PP", *(_text(line.strip()) for line in lines))


def _table(rows: dict[str, str]) -> Iterator[str]:
    for name, meaning in rows.items():
        yield from (".TP", f".B {_text(name)}", _text(meaning))


def _text(text: str) -> str:
    """A line of text as roff reads it: no line of ours is a request by accident."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    ascii_only = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in escaped)
    return f"\\&{ascii_only}" if ascii_only.startswith(".") else ascii_only
