"""The unit that systemd has for a configuration, if it has one, and what it hands over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.units.escaping import argument, text_of_argument
from mycel_runtime.units.packaged import OF_FOLDER, TEMPLATE
from mycel_runtime.units.unit_text import file_name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATH: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where the system's units are, the first one first; SYSTEMD_UNIT_PATH says otherwise, as to systemd."""

_STARTED: Final = re.compile(
    r"(?m)^ExecStart=.* (?:run|worker --name \S+) --config (?P<config>/\S*|\"[^\n]*\")$"
)

_CREDENTIAL: Final = re.compile(r"(?m)^LoadCredential=(?P<id>[^:\n]+):(?P<path>/[^\n]*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledUnit:
    """
    One that runs the agent.

    Attributes:
        path: Of the file.
        config: The file, or the folder of files, that its daemon is started with.
        instance: What `%i` stands for; empty if it stands by itself.
        text, drop_ins: Their texts, the drop-ins by path.
    """

    path: Path
    config: Path
    instance: str
    text: str
    drop_ins: Mapping[Path, str]

    @property
    def credentials(self) -> dict[str, Path]:
        """Files that are handed over, by the credential's name."""
        texts = _with_instance("\n".join([self.text, *self.drop_ins.values()]), self.instance)
        named = {
            found["id"].strip(): Path(found["path"].strip().replace("%%", "%"))
            for found in _CREDENTIAL.finditer(texts)
        }
        return {name: file for id_, path in named.items() for name, file in _files(id_, path)}


def find_unit(config: Path, name: str, environment: Mapping[str, str]) -> InstalledUnit | None:
    """
    The first in systemd's path that starts the daemon of a file, or of the folder of files that it lies in.

    Args:
        config: The TOML file.
        name: The agent's.
        environment: Of the process.
    """
    config = config.absolute()
    for folder in _folders(environment):
        for file, instance, started in (
            (file_name_of(name), "", config),
            (TEMPLATE, config.stem, config),
            (file_name_of(config.parent.name), "", config.parent),
            (OF_FOLDER, "", config.parent),
        ):
            if unit := _read(folder / file, instance, started):
                return unit
    return None


def config_of_unit(name: str, environment: Mapping[str, str]) -> Path | None:
    """
    The file or folder that a unit's daemon is started with.

    Args:
        name: Of a unit that stands by itself, with or without the `mycel-runtime-` before it.
        environment: Of the process.
    """
    for folder in _folders(environment):
        for file in (f"{name}.service", file_name_of(name)):
            try:
                text = (folder / file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            if (started := config_started_by(text)) is not None:
                return started
    return None


def config_started_by(text: str) -> Path | None:
    """The file or folder that a unit's daemon is started with, if it is a unit of ours."""
    started = _STARTED.search(text)
    return None if started is None else Path(text_of_argument(started["config"]))


def _folders(environment: Mapping[str, str]) -> Iterator[Path]:
    """As systemd: an empty part at the end stands for its own folders."""
    given = environment.get("SYSTEMD_UNIT_PATH")
    parts = given.split(":") if given else [""]
    yield from (Path(part) for part in parts if part)
    if not parts[-1]:
        yield from map(Path, _PATH)


def _files(id_: str, path: Path) -> Iterator[tuple[str, Path]]:
    """Of a folder each file becomes a credential."""
    try:
        files = sorted(path.iterdir())
    except OSError:  # It is no folder, or none that this user may look into.
        yield id_, path
        return
    yield from ((f"{id_}_{file.name}", file) for file in files)


def _read(path: Path, instance: str, config: Path) -> InstalledUnit | None:
    """`None`: it is not there, or is another agent's."""
    try:
        text = path.read_text(encoding="utf-8")
        names = [path.name, *([path.name.replace("@.", f"@{instance}.")] if instance else [])]
        drop_ins = {
            file: file.read_text(encoding="utf-8")
            for name in names
            for file in sorted(path.with_name(f"{name}.d").glob("*.conf"))
        }
    except (OSError, UnicodeDecodeError):
        return None
    lines = _with_instance(text, instance).splitlines()
    starts = [line for line in lines if line.startswith("ExecStart=")]
    is_ours = any(line.endswith(f"--config {argument(str(config))}") for line in starts)
    if not is_ours:
        return None
    return InstalledUnit(path=path, config=config, instance=instance, text=text, drop_ins=drop_ins)


def _with_instance(text: str, instance: str) -> str:
    """With the name for its specifier, and a percent sign that stands for itself left as it is written."""
    return re.sub(r"%%|%i", lambda found: found[0] if found[0] == "%%" else instance, text)


def verified_name(unit: InstalledUnit) -> str:
    """What it is called when it runs."""
    return unit.path.name.replace("@.", f"@{unit.instance}.") if unit.instance else unit.path.name
