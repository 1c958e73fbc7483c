"""Where a process that runs looks for its agents' files, by now: they come and go, and so may the folders."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mycel_runtime.daemon.agents import config_files
from mycel_runtime.errors import ConfigError
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigPlaces:
    """
    Those of the command line; absolute.

    Attributes:
        configs: As of `config_files`.
        folders: Of them, those that were folders at the start.
    """

    configs: tuple[Path, ...] = ()
    folders: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, configs: Sequence[Path]) -> Self:
        """As they are at the start."""
        absolute = tuple(config.absolute() for config in configs)
        return cls(configs=absolute, folders=frozenset(path for path in absolute if path.is_dir()))

    def files(self) -> list[Path]:
        """
        Those that there are; blocking.

        A folder that is empty, or not there because it is not mounted, has none. A file that was named by itself is
        one of them whether it is there or not.
        """
        found = list[Path]()
        for config in self.configs:
            if config not in self.folders or config.is_dir():
                with contextlib.suppress(ConfigError):
                    found += config_files([config])
        return found

    def in_folder(self, file: Path) -> bool:
        """Whether it comes and goes with a folder."""
        return file.parent in self.folders
