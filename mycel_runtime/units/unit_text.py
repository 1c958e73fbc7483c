"""The text of a unit for one configuration: the packaged one, with its paths, and what these need. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass
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

_CONFIGS: Final = ("/etc/mycel-runtime/%i.toml", "/etc/mycel-runtime/agents")
"""Where the packaged units have both; file or folder is the last word of each of their command lines."""

_STATE: Final = "mycel-runtime/%i"
"""Below /var/lib, of an agent's unit and its drop-ins."""

_STATE_OF_FOLDER: Final = "mycel-runtime-agents"
"""The same of a folder's."""

_SETTING: Final = re.compile(r"(?P<key>[A-Za-z]+)=(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Credential:
    """
    What systemd hands over.

    Attributes:
        name: Of a file; or how the names begin, where `path` is a folder of them.
        path: Root's own.
        may_be_missing: The unit starts without it: it is one agent's of several, and keeps only that one away.
    """

    name: str
    path: Path
    may_be_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWish:
    """
    What a unit has to say of one configuration.

    Attributes:
        name: The agent's, or the folder's.
        program: Absolute; and its arguments before `run`.
        config: Absolute.
        is_of_folder: The configuration is a folder of agents' files.
        credentials: What systemd is to hand over.
        state_dirs: Those that systemd does not make; without one it makes an agent's below /var/lib.
        user: Whose unit it is; `None`: a user that systemd makes up.
        shown: Files and folders that the sandbox hides and the daemon has to read.
        drop_in: Of `packaged`, for the plugins.
        worker: Its name, of a unit that runs handlers only; `None`: it listens, too.
    """

    name: str
    program: tuple[str, ...]
    config: Path
    is_of_folder: bool
    credentials: tuple[Credential, ...]
    state_dirs: tuple[Path, ...]
    user: str | None
    shown: tuple[Path, ...]
    drop_in: str | None
    worker: str | None = None


def file_name_of(name: str) -> str:
    """What the unit of an agent, or of a folder of them, is called, where it stands by itself."""
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
        f"#   mycel-runtime unit{_options(wish, is_for_user=is_for_user)} --config {wish.config}",
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


def _options(wish: UnitWish, *, is_for_user: bool) -> str:
    """With which it was asked for."""
    worker = "" if wish.worker is None else f" --worker {wish.worker}"
    return f"{' --user' if is_for_user else ''}{worker}"


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
            adapted = list(_settings(setting["key"], setting["value"], wish))
            yield from comments if adapted else []
            yield from (f"{key}={value}" for key, value in adapted)
        comments = []
    yield from comments


def _settings(key: str, value: str, wish: UnitWish) -> Iterator[tuple[str, str]]:
    """A setting with the paths of the wish; none: it is not for it."""
    match key:
        case "ExecStart" | "ExecReload":
            yield from _command(key, value, wish)
        case "LoadCredential":
            yield from _credentials(wish)
        case "StateDirectory" | "StateDirectoryMode" if wish.state_dirs and not wish.is_of_folder:
            return
        case "EnvironmentFile":
            yield key, f"-{plain_value(str(wish.config.with_suffix('.env')))}"
        case "ExecStartPre" | "Environment" if f"%S/{_STATE}" in value:
            yield key, _below_state(key, value, wish)
        case "Description" if wish.is_of_folder or wish.worker is not None:
            who = "Mycel agents" if wish.worker is None else f"Mycel worker {wish.worker}"
            yield key, f"{who} of {plain_value(str(wish.config))}"
        case _:
            yield key, _named(value, wish)


def _command(key: str, value: str, wish: UnitWish) -> Iterator[tuple[str, str]]:
    """A worker's has no reload: that command speaks to the process that listens, and would wait for it."""
    before, _, verb = value.partition(_PROGRAM)
    words = [word for word in verb.split() if word not in _CONFIGS]
    if wish.worker is not None:
        if key == "ExecReload":
            return
        words = ["worker", "--name", wish.worker, "--config"]
    yield key, before + _command_line([*wish.program, *words, str(wish.config)])


def _credentials(wish: UnitWish) -> Iterator[tuple[str, str]]:
    """Source: systemd.exec(5): with a default, a file that is not there is no reason to fail."""
    for each in wish.credentials:
        yield "LoadCredential", f"{each.name}:{plain_value(str(each.path))}"
        if each.may_be_missing:
            yield "SetCredential", rf"{each.name}:\n"  # Not empty, which would be refused.


def _named(value: str, wish: UnitWish) -> str:
    """With the name of the wish for that of the packaged unit's agent or folder."""
    name = plain_value(wish.name)
    if not wish.is_of_folder:
        return value.replace("%i", name)
    own = f"mycel-runtime-{name}"
    return re.sub(f"{_STATE}|{_STATE_OF_FOLDER}", lambda _: own, value)


def _command_line(command: Sequence[str]) -> str:
    """Systemd takes no quotes and no backslash in a program's own path, but in arguments."""
    program, *arguments = ["/usr/bin/env", *command] if set(command[0]) & set("'\"\\") else command
    return " ".join([word(program), *map(argument, arguments)])


def _below_state(key: str, value: str, wish: UnitWish) -> str:
    """With the last word below the state directory; systemd's own is named by its specifier."""
    before, blank, last = value.rpartition(" ")
    if wish.is_of_folder or not wish.state_dirs:
        return _named(value, wish)
    path = last.replace(f"%S/{_STATE}", str(wish.state_dirs[0]))
    return f"{before}{blank}{argument(path) if key == 'ExecStartPre' else word(path)}"


def _of_paths(wish: UnitWish) -> Iterator[str]:
    """What the sandbox takes away and these paths need."""
    if wish.user is not None:
        yield from ("", "# The state, or the file, is that of a user who is there already.", "DynamicUser=no")
        yield f"User={wish.user}"
    if wish.state_dirs:
        yield from ("", "# The journal lives here; make the folder before the first start.")
        yield from (f"ReadWritePaths={word(f'-{path}')}" for path in wish.state_dirs)
        if not wish.is_of_folder:
            yield f"Environment={word(f'MYCEL_RUNTIME_AGENT__STATE_DIR={wish.state_dirs[0]}')}"
    hidden_states = [path for path in wish.state_dirs if is_hidden(path)]
    if not (hidden := [*wish.shown, *hidden_states]):
        return
    yield from ("", "# Of what the sandbox hides only this is there to be seen.")
    if any(map(is_in_home, hidden)):
        yield "ProtectHome=tmpfs"
    yield from (f"BindReadOnlyPaths={mount_source(str(path))}" for path in wish.shown)
    yield from (f"BindPaths={mount_source(f'-{path}')}" for path in hidden_states)
