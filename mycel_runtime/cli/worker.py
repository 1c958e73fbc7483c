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
    make_place_for,
    observer_of,
    watch_config_option,
)
from mycel_runtime.cli.options import checked_worker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mycel_runtime.daemon.agents import Agent, Refusal
    from mycel_runtime.daemon.joining import Joining
    from mycel_runtime.daemon.reload.process_reload import ProcessReload
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
@watch_config_option
def worker(
    configs: tuple[Path, ...],
    name: str,
    log_level: str | None,
    log_format: str | None,
    *,
    watch_config: bool,
) -> None:
    """
    Run the handlers of agents that listen elsewhere.

    Of agents with an [engine] url: each chat is in the hands of one process at a time, of however many.
    """
    overrides = log_overrides(log_level, log_format)
    agents, refused = load(configs, overrides, runtime="mycel_runtime.daemon.worker_runtime", dev=False)

    import asyncio

    from mycel_runtime.daemon import garbage
    from mycel_runtime.daemon.process import run_agents

    agents, refused = _with_database(agents, refused)
    maker = _Maker(name, overrides)
    joining, reload = _later(configs, agents, maker, is_watching=watch_config)
    runtimes = list(map(maker.make, agents))
    garbage.leave_out_what_stays()
    asyncio.run(run_agents(runtimes, failures=refused, reload=reload, joining=joining))


def _with_database(agents: Sequence[Agent], refused: Sequence[Refusal]) -> tuple[list[Agent], list[Refusal]]:
    """
    The agents that have a journal for workers; what is wrong with one keeps no other away.

    Raises:
        ConfigError: None is left.
    """
    from mycel_runtime.cli.loading import tell_refused
    from mycel_runtime.daemon.agents import Refusal, together
    from mycel_runtime.errors import ConfigError

    accepted: list[Agent] = []
    refusals: list[Refusal] = []
    for agent in agents:
        try:
            _require_shared(agent)
        except ConfigError as error:
            refusals.append(Refusal((agent.config.absolute(),), error))
        else:
            accepted.append(agent)
    if not accepted:
        raise together([*refused, *refusals])
    tell_refused(refusals)
    return accepted, [*refused, *refusals]


def _later(
    configs: Sequence[Path], agents: Sequence[Agent], maker: _Maker, *, is_watching: bool
) -> tuple[Joining[WorkerRuntime], ProcessReload]:
    """What happens to the files of a worker that runs."""
    from mycel_runtime.daemon.config_places import ConfigPlaces
    from mycel_runtime.daemon.joining import Joining
    from mycel_runtime.daemon.reload.process_reload import ProcessReload
    from mycel_runtime.observe.logs import LogObserver

    places = ConfigPlaces.of(configs)
    joining = Joining(places, agents, read=maker.read, make=maker.make_newcomer, observer=LogObserver({}))
    reload = ProcessReload(
        places, places.files(), LogObserver({}), joining, maker.forget, is_watching=is_watching
    )
    return joining, reload


class _Maker:
    """
    Makes runtimes of agents that were read.

    Args:
        name: Of the worker, among those of its host.
        overrides: From the command line.
    """

    def __init__(self, name: str, overrides: dict[str, Any]) -> None:
        self._name = name
        self._overrides = overrides
        self._agents = set[str]()

    def read(self, config: Path, living: Sequence[Agent]) -> Agent:
        """As `read_newcomer`; of an agent whose journal is for workers."""
        from mycel_runtime.daemon.agents import read_newcomer

        agent = read_newcomer(config, living, self._overrides, observer_of)
        _require_shared(agent)
        return agent

    def make(self, agent: Agent) -> tuple[WorkerRuntime, Observer]:
        """The runtime, and who is told of its end."""
        from mycel_runtime.daemon.reload.agent_reload import AgentReload
        from mycel_runtime.daemon.state_dir import place_of_worker
        from mycel_runtime.daemon.worker_runtime import WorkerRuntime
        from mycel_runtime.observe.logs import LogObserver

        self._agents.add(agent.settings.agent.name)
        observer = LogObserver({"agent": agent.settings.agent.name})
        for loaded in agent.plugins:
            observer.tell(fate_of(loaded))
        own = place_of_worker(agent.settings.state_dir, self._name)
        settings = agent.settings.model_copy(
            update={"agent": agent.settings.agent.model_copy(update={"state_dir": own})}
        )
        place = {"agent": {"state_dir": str(own)}}
        reload = AgentReload(agent.config, settings, agent.plugins, self._overrides | place)
        return WorkerRuntime(replace(agent, settings=settings), reload, observer=observer), observer

    def make_newcomer(self, agent: Agent) -> tuple[WorkerRuntime, Observer]:
        """The same in a process that runs."""
        make_place_for(agent, len(self._agents) + 1)
        return self.make(agent)

    def forget(self, agent: str) -> None:
        """It has left for good."""
        self._agents.discard(agent)


def _require_shared(agent: Agent) -> None:
    """
    Refuse an agent that no worker can work for.

    Raises:
        ConfigError: Its journal is in a file, be it only until that is moved.
    """
    from mycel_runtime.daemon.worker_runtime import require_database

    _require_no_file(agent)
    require_database(agent)


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
