"""The text of a unit for one configuration: the packaged one, with its paths, and what these need. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime.units.escaping import argument, mount_source, plain_value, word
from mycel_runtime.units.homes import is_hidden, is_in_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NOT_FOR_USERS: Final = frozenset(
    {
        "After",
        "AmbientCapabilities",
        "CapabilityBoundingSet",
        "DevicePolicy",
        "DynamicUser",
        "EnvironmentFile",
        "ExecStartPre",
        "Environment",
        "KeyringMode",
        "LoadCredential",
        "PrivateDevices",
        "PrivateTmp",
        "PrivateUsers",
        "ProcSubset",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectProc",
        "ProtectSystem",
        "RemoveIPC",
        "StateDirectory",
        "StateDirectoryMode",
        "Wants",
    }
)
"""What a user's own manager may not do or does not have; state and token are where `run` by hand has them."""

_PROGRAM: Final = "/opt/mycel-runtime/bin/mycel-runtime"

_CONFIG: Final = "/etc/mycel-runtime/%i.toml"
"""Where the packaged unit has both; the file is the last word of each of its command lines."""

_SETTING: Final = re.compile(r"(?P<key>[A-Za-z]+)=(?P<value>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWish:
    """
    What a unit has to say of one configuration.

    Attributes:
        name: The agent's.
        program: Absolute; and its arguments before `run`.
        config: Absolute.
        token_source: The file that systemd is to hand over as the token; `None`: the daemon reads it itself.
        state_dir: `None`: systemd makes one below /var/lib.
        user: Whose unit it is; `None`: a user that systemd makes up.
        shown: Files and folders that the sandbox hides and the daemon has to read.
        drop_in: Of `packaged`, for the plugins.
    """

    name: str
    program: tuple[str, ...]
    config: Path
    token_source: Path | None
    state_dir: Path | None
    user: str | None
    shown: tuple[Path, ...]
    drop_in: str | None


def file_name_of(name: str) -> str:
    """What the unit of an agent is called, where it stands by itself."""
    return f"mycel-runtime-{name}.service"


def unit_text(template: str, drop_in: str | None, wish: UnitWish, *, version: str, is_for_user: bool) -> str:
    """
    A whole unit file.

    Args:
        template: As packaged.
        drop_in: Likewise, for the plugins; `None` without one.
        wish: What it has to say.
        version: Of the runtime, for the heading.
        is_for_user: For a user's own manager, without the sandbox, which only the system's can make.
    """
    body = template[template.index("[Unit]") :]
    head, install, tail = body.partition("[Install]")
    lines = [
        f"# Made by mycel-runtime {version} for {wish.config}.",
        "# Print it anew after an upgrade, and when that file has changed; what is your own belongs into a drop-in:",
        f"#   mycel-runtime unit{' --user' if is_for_user else ''} --config {wish.config}",
        "",
        *_adapted(head, wish, is_for_user=is_for_user),
    ]
    if not is_for_user:
        lines += _of_paths(wish)
    if drop_in is not None:
        lines += _adapted(
            drop_in[drop_in.index("[Service]") + len("[Service]") :], wish, is_for_user=is_for_user
        )
    wanted = tail.replace("multi-user.target", "default.target") if is_for_user else tail
    return re.sub(r"\n{3,}", "\n\n", "\n".join([*lines, "", f"{install}{wanted}"])).rstrip("\n") + "\n"


def _adapted(text: str, wish: UnitWish, *, is_for_user: bool) -> Iterator[str]:
    """Its lines with the paths of the wish; a comment goes with the line that it stands before."""
    comments: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            comments.append(line)
            continue
        setting = _SETTING.fullmatch(line)
        if setting is None:
            yield from comments
            yield line
        elif not (is_for_user and setting["key"] in _NOT_FOR_USERS):
            adapted = _setting(setting["key"], setting["value"], wish)
            if adapted is not None:
                yield from comments
                yield f"{setting['key']}={adapted}"
        comments = []
    yield from comments


def _setting(key: str, value: str, wish: UnitWish) -> str | None:
    """A value with the paths of the wish; `None`: the setting is not for it."""
    match key:
        case "ExecStart" | "ExecReload":
            before, _, program_and_verb = value.partition(_PROGRAM)
            return before + _command_line(
                [*wish.program, *program_and_verb.replace(_CONFIG, "").split(), str(wish.config)]
            )
        case "LoadCredential":
            return None if wish.token_source is None else f"agent.token:{plain_value(str(wish.token_source))}"
        case "StateDirectory" | "StateDirectoryMode" if wish.state_dir is not None:
            return None
        case "EnvironmentFile":
            return f"-{plain_value(str(wish.config.with_suffix('.env')))}"
        case "ExecStartPre" | "Environment" if "%S/mycel-runtime/%i" in value:
            return _below_state(key, value, wish)
        case _:
            return value.replace("%i", plain_value(wish.name))


def _command_line(command: Sequence[str]) -> str:
    """Systemd takes no quotes and no backslash in a program's own path, but in arguments."""
    program, *arguments = ["/usr/bin/env", *command] if set(command[0]) & set("'\"\\") else command
    return " ".join([word(program), *map(argument, arguments)])


def _below_state(key: str, value: str, wish: UnitWish) -> str:
    """With the last word below the state directory; systemd's own is named by its specifier."""
    before, blank, last = value.rpartition(" ")
    if wish.state_dir is None:
        return value.replace("%i", plain_value(wish.name))
    path = last.replace("%S/mycel-runtime/%i", str(wish.state_dir))
    return f"{before}{blank}{argument(path) if key == 'ExecStartPre' else word(path)}"


def _of_paths(wish: UnitWish) -> Iterator[str]:
    """What the sandbox takes away and these paths need."""
    if wish.user is not None:
        yield from ("", "# The state, or the file, is that of a user who is there already.", "DynamicUser=no")
        yield f"User={wish.user}"
    hidden = list(wish.shown)
    if wish.state_dir is not None:
        yield from ("", "# The journal lives here; make the folder before the first start.")
        yield f"ReadWritePaths={word('-' + str(wish.state_dir))}"
        yield f"Environment={word(f'MYCEL_RUNTIME_AGENT__STATE_DIR={wish.state_dir}')}"
        hidden += [wish.state_dir] if is_hidden(wish.state_dir) else []
    if not hidden:
        return
    yield from ("", "# Of what the sandbox hides only this is there to be seen.")
    if any(map(is_in_home, hidden)):
        yield "ProtectHome=tmpfs"
    yield from (f"BindReadOnlyPaths={mount_source(str(path))}" for path in wish.shown)
    if wish.state_dir in hidden:
        yield f"BindPaths={mount_source('-' + str(wish.state_dir))}"
