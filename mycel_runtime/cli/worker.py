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
    from collections.abc import Sequence
    from pathlib import Path

    from mycel_runtime.daemon.agents import Agent, Refusal
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

    runtimes, refused = _runtimes(agents, refused, name, overrides)
    garbage.leave_out_what_stays()
    asyncio.run(run_agents(runtimes, failures=refused))


def _runtimes(
    agents: Sequence[Agent], refused: Sequence[Refusal], name: str, overrides: dict[str, Any]
) -> tuple[list[tuple[WorkerRuntime, Observer]], list[Refusal]]:
    """
    Of the agents that have a journal for workers; what is wrong with one keeps no other away.

    Raises:
        ConfigError: None is left.
    """
    from mycel_runtime.cli.loading import tell_refused
    from mycel_runtime.daemon.agents import Refusal, together
    from mycel_runtime.errors import ConfigError

    runtimes, refusals = list[tuple["WorkerRuntime", "Observer"]](), list[Refusal]()
    for agent in agents:
        try:
            runtimes.append(_made(agent, name, overrides))
        except ConfigError as error:
            refusals.append(Refusal((agent.config.absolute(),), error))
    if not runtimes:
        raise together([*refused, *refusals])
    tell_refused(refusals)
    return runtimes, [*refused, *refusals]


def _made(agent: Agent, name: str, overrides: dict[str, Any]) -> tuple[WorkerRuntime, Observer]:
    """The runtime, and who is told of its end."""
    from mycel_runtime.daemon.reload.agent_reload import AgentReload
    from mycel_runtime.daemon.worker_runtime import WorkerRuntime
    from mycel_runtime.observe.logs import LogObserver

    _require_no_file(agent)
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


def _require_no_file(agent: Agent) -> None:
    """
    Refuse an agent that is at work with a file: nothing of it would ever be due in the database.

    Raises:
        ConfigError: Its journal was not moved.
    """
    from mycel_runtime.daemon.state_dir import is_unmoved
    from mycel_runtime.errors import ConfigError

    state_dir = agent.settings.state_dir
    if is_unmoved(state_dir):
        raise ConfigError(
            f"has its journal in a file in {state_dir}, and workers share one in a database",
            where=str(agent.config),
            fix=f"Stop the agent, and move it: mycel-runtime engine move --config {agent.config} --to postgres",
        )
