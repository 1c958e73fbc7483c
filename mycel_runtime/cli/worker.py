"""`mycel-runtime worker`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.loading import (
    configs_option,
    fate_of,
    load,
    log_format_option,
    log_level_option,
    log_overrides,
)
from mycel_runtime.cli.options import checked_worker, place_of_worker

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.daemon.agents import Agent
    from mycel_runtime.daemon.worker_runtime import WorkerRuntime
    from mycel_runtime.observe.observer import Observer


@click.command(
    epilog=examples(
        "mycel-runtime worker --config agent.toml",
        "mycel-runtime worker --config /etc/mycel-runtime --name second",
    )
)
@configs_option
@click.option(
    "--name",
    default="worker",
    show_default=True,
    callback=checked_worker,
    help="Of this one among those of its host: it has the folder workers/NAME of the agent's state_dir.",
)
@log_level_option
@log_format_option
def worker(configs: tuple[Path, ...], name: str, log_level: str | None, log_format: str | None) -> None:
    """
    Run the handlers of agents that listen elsewhere.

    Of agents with an [engine] url: each chat is in the hands of one process at a time, of however many.
    """
    overrides = log_overrides(log_level, log_format)
    agents, refused = load(configs, overrides, runtime="mycel_runtime.daemon.worker_runtime", dev=False)

    import asyncio

    from mycel_runtime.daemon import garbage
    from mycel_runtime.daemon.process import run_agents

    runtimes = [_made(agent, name, overrides) for agent in agents]
    garbage.leave_out_what_stays()
    asyncio.run(run_agents(runtimes, failures=refused))


def _made(agent: Agent, name: str, overrides: dict[str, Any]) -> tuple[WorkerRuntime, Observer]:
    """The runtime, and who is told of its end."""
    from mycel_runtime.daemon.reload.agent_reload import AgentReload
    from mycel_runtime.daemon.worker_runtime import WorkerRuntime
    from mycel_runtime.observe.logs import LogObserver

    observer = LogObserver({"agent": agent.settings.agent.name})
    for loaded in agent.plugins:
        observer.tell(fate_of(loaded))
    own = place_of_worker(agent.settings.state_dir, name)
    settings = agent.settings.model_copy(
        update={"agent": agent.settings.agent.model_copy(update={"state_dir": own})}
    )
    place = {"agent": {"state_dir": str(own)}}
    reload = AgentReload(agent.config, settings, agent.plugins, overrides | place)
    return WorkerRuntime(replace(agent, settings=settings), reload, observer=observer), observer
