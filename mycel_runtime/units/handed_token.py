"""The token that an agent's unit hands over, and whether the running daemon has been given another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.daemon.token_comparison import is_another
from mycel_runtime.errors import ConfigError, ControlError, NoDaemonError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings.credentials import CREDENTIAL, CREDENTIAL_OF_ONE, read_token_file
from mycel_runtime.units.installed import find_unit, verified_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mycel_runtime.units.installed import InstalledUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedToken:
    """
    What a unit hands over as an agent's token.

    Attributes:
        file: systemd copies it when it starts the unit.
        unit: Its name.
    """

    file: Path
    unit: str

    @property
    def restart(self) -> str:
        """The command that has systemd hand over what the file holds by now. A restart loses nothing."""
        return f"systemctl restart {self.unit}"

    @property
    def difference(self) -> str:
        """What is told where the daemon has another one, without what to do: a clause."""
        return f"{self.file} holds another token than the daemon was given when it was started"

    def is_outdated(self, state_dir: Path, *, otherwise: bool = False) -> bool:
        """
        Whether the running daemon has been given another token than the file holds by now. Blocking.

        Args:
            state_dir: The agent's.
            otherwise: The answer where no daemon runs.

        Returns:
            `False` also where nobody can tell: this user may not read the file, or not ask the daemon.
        """
        try:
            return is_another(state_dir, read_token_file(self.file))
        except NoDaemonError:
            return otherwise
        except (ConfigError, ControlError):
            return False


def token_file_of(unit: InstalledUnit, agent: str) -> Path | None:
    """The file that a unit hands over as an agent's token; that of a folder has one for each."""
    return unit.credentials.get(CREDENTIAL) or unit.credentials.get(CREDENTIAL_OF_ONE.format(name=agent))


def handed_token(config: Path, agent: str, environment: Mapping[str, str]) -> HandedToken | None:
    """
    Of an agent's unit; `None`: it has none, or one that hands over no token.

    Args:
        config: The agent's file.
        agent: Its name.
        environment: Of the process.
    """
    unit = find_unit(config, agent, environment)
    file = token_file_of(unit, agent) if unit else None
    if unit is None or file is None:
        return None
    return HandedToken(file=file, unit=verified_name(unit).removesuffix(".service"))
