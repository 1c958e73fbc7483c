"""How an agent that a handler lets work gets Mycel as tools, and speaks by them as the handler's run."""

from __future__ import annotations

import json
import os
from dataclasses import field
from typing import TYPE_CHECKING, Final, TypedDict

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUN_VARIABLE: Final = "MYCEL_TOOLS_RUN"
RUN_FILE_VARIABLE: Final = "MYCEL_TOOLS_RUN_FILE"
CHAT_VARIABLE: Final = "MYCEL_TOOLS_CHAT"
STATE_DIR_VARIABLE: Final = "MYCEL_TOOLS_STATE_DIR"


class BoundRun(TypedDict):
    """What stands in a file that names a run; as of `ToolServer.bind`."""

    run: str
    known_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServer:
    """
    A server of the Model Context Protocol, over standard input and output, for the agent to start.

    Attributes:
        command: The program, by its whole path, and its arguments.
        environment: Variables that it needs besides `PATH` and the like. They name the run, for whoever may use the
            daemon's socket: hand them to the agent, and log them nowhere.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)

    def lasting(self, file: Path) -> ToolServer:
        """
        The same for an agent that is started once and answers one chat again and again.

        Its environment names no run, but a file: it speaks as the run that `bind` has named there when it speaks.
        While there is no such file it neither answers that chat nor speaks first anywhere, and its agent is told so.

        Args:
            file: Of this server alone. Whoever can read it and use the daemon's socket can speak as the run.
        """
        named = {key: value for key, value in self.environment.items() if key != RUN_VARIABLE}
        return ToolServer(command=self.command, environment=named | {RUN_FILE_VARIABLE: str(file.absolute())})

    def bind(self, file: Path, *, known_seq: int = 0) -> None:
        """
        Let a server that was made by `lasting` speak as this run, until the run's end or until the file is removed.

        Blocks: it writes the file, for its owner only, as a whole.

        Args:
            file: As of `lasting`; its folder is there.
            known_seq: The agent knows, as its own, what earlier runs of the delivery have said up to this number,
                and does not say it again: its first reply is the one behind them. 0: it knows nothing of them, and
                its n-th reply is theirs.

        Raises:
            OSError: It cannot be written.
        """
        fresh = file.with_name(f"{file.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            json.dump(BoundRun(run=self.environment[RUN_VARIABLE], known_seq=known_seq), new)
        fresh.replace(file)
