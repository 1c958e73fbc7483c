"""What the plugin needs beside the runtime: the agent's program, that of the sandbox, and a library for tools."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mycel_runtime_plugins.acp.agent_process import environment_of
from mycel_runtime_plugins.child_process import ProgramUnavailableError, find_program
from mycel_runtime_plugins.missing import Missing

if TYPE_CHECKING:
    from mycel_runtime_plugins.acp.settings import AcpSettings


def missing(settings: AcpSettings) -> list[Missing]:
    """
    Everything that is not there. Reads the file system.

    Args:
        settings: Of the plugin.
    """
    found = [_missing(settings.program[0], settings, install=settings.known.install)]
    if settings.sandbox:
        install = "apt install bubblewrap" if settings.sandbox[0] == "bwrap" else ""
        found.append(_missing(settings.sandbox[0], settings, install=install))
    if settings.tools and find_spec("mcp_types") is None:
        problem = "the library of the Model Context Protocol is not installed, for tools in [plugins.acp]"
        found.append(Missing(what=problem, fix="pip install 'mycel-runtime[mcp]'"))
    return [each for each in found if each is not None]


def _missing(program: str, settings: AcpSettings, *, install: str) -> Missing | None:
    try:
        find_program(program, folder=Path.cwd(), environment=environment_of(settings))
    except ProgramUnavailableError as exc:
        return Missing(what=f"{exc.problem}, for [plugins.acp]", fix=install or exc.fix)
    return None
