"""`mycel-runtime run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Overrides [log] level."
)
def run(config: Path, log_level: str | None) -> None:
    """Keep an agent present until a signal ends it."""
    import asyncio

    from mycel_runtime.daemon.supervisor import Supervisor
    from mycel_runtime.observe.facts import PluginLoaded
    from mycel_runtime.observe.logs import LogObserver, configure_logging
    from mycel_runtime.plugin.registry import load_plugins
    from mycel_runtime.settings import load_settings, read_token

    settings = load_settings(config, {"log": {"level": log_level}} if log_level else None)
    configure_logging(level=settings.log.level, log_format=settings.log.format)
    token = None if settings.is_embedded else read_token(settings)
    plugins = load_plugins(settings.plugins, config)
    observer = LogObserver({"agent": settings.agent.name})
    for loaded in plugins:
        observer.tell(
            PluginLoaded(
                plugin=loaded.plugin.name,
                version=loaded.version,
                origin=loaded.origin,
                handlers=len(loaded.plugin.handlers),
            )
        )
    supervisor = Supervisor(
        settings,
        token=token,
        plugins=plugins,
        observer=observer,
        show=click.echo,
        how_to_talk=f"Talk to it from another terminal: {_own_command()} chat --config {_quoted(config)}"
        "\nStop it with Ctrl-C.",
    )
    asyncio.run(supervisor.run())


def _own_command() -> str:
    """This program as a shell finds it: by name, or, in an environment that is not active, by its path."""
    import shutil
    import sys
    from pathlib import Path

    script = Path(sys.executable).parent / "mycel-runtime"
    if (found := shutil.which("mycel-runtime")) and Path(found) == script:
        return "mycel-runtime"
    here = Path.cwd()
    return _quoted(script.relative_to(here) if script.is_relative_to(here) else script)


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
