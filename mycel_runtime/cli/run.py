"""`mycel-runtime run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.loading import (
    configs_option,
    fate_of,
    log_format_option,
    log_level_option,
    log_overrides,
    make_place_for,
    observer_of,
    watch_config_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mycel_runtime.daemon.agent_runtime import AgentRuntime
    from mycel_runtime.daemon.agents import Agent
    from mycel_runtime.daemon.control import Order
    from mycel_runtime.daemon.http.listener import HttpListener
    from mycel_runtime.daemon.joining import Joining
    from mycel_runtime.daemon.reload.process_reload import ProcessReload
    from mycel_runtime.inbox.approach import Approach
    from mycel_runtime.observe.observer import Observer


@click.command(
    epilog=examples(
        "mycel-runtime run --config agent.toml",
        "mycel-runtime run --config /etc/mycel-runtime --log-level debug",
    )
)
@configs_option
@log_level_option
@log_format_option
@watch_config_option
@click.option(
    "--dev",
    is_flag=True,
    help="Show the whole traceback of what a handler raises, with its texts, on a terminal.",
)
def run(
    configs: tuple[Path, ...],
    log_level: str | None,
    log_format: str | None,
    *,
    watch_config: bool,
    dev: bool,
) -> None:
    """Keep one or more agents present until a signal ends them."""
    from mycel_runtime.cli.loading import load
    from mycel_runtime.cli.own_command import own_command

    # Before plugins' code runs, which may change of the process what it likes.
    command = own_command()
    overrides = log_overrides(log_level, log_format)
    agents, refused = load(configs, overrides, runtime="mycel_runtime.daemon.agent_runtime", dev=dev)

    import asyncio

    from mycel_runtime.daemon import garbage
    from mycel_runtime.daemon.process import run_agents

    maker = _Maker(overrides, command, _listener(agents))
    joining, reload = _later(configs, agents, maker, is_watching=watch_config)
    runtimes = list(map(maker.make, agents))
    garbage.leave_out_what_stays()
    opened = maker.listener.opened() if maker.listener else None
    asyncio.run(run_agents(runtimes, failures=refused, reload=reload, joining=joining, beside=opened))


def _later(
    configs: Sequence[Path], agents: Sequence[Agent], maker: _Maker, *, is_watching: bool
) -> tuple[Joining[AgentRuntime], ProcessReload]:
    """What happens to the files of a process that runs."""
    from functools import partial

    from mycel_runtime.daemon.agents import read_newcomer
    from mycel_runtime.daemon.config_places import ConfigPlaces
    from mycel_runtime.daemon.joining import Joining
    from mycel_runtime.daemon.reload.process_reload import ProcessReload
    from mycel_runtime.observe.logs import LogObserver

    read = partial(read_newcomer, overrides=maker.overrides, observer_of=observer_of)
    places = ConfigPlaces.of(configs)
    joining = Joining(places, agents, read=read, make=maker.make_newcomer, observer=LogObserver({}))
    reload = ProcessReload(
        places, places.files(), LogObserver({}), joining, maker.forget, is_watching=is_watching
    )
    maker.orders.update(joining.orders | reload.orders)
    return joining, reload


class _Maker:
    """
    Makes runtimes of agents that were read.

    Args:
        overrides: From the command line.
        command: How a person calls this program.
        listener: Of the page, if there is one.

    Attributes:
        orders: What their process can be told, by name.
    """

    def __init__(self, overrides: dict[str, Any], command: str, listener: HttpListener | None) -> None:
        from mycel_runtime.sdk.shared_connections import SharedConnections

        self.overrides = overrides
        self.listener = listener
        self.orders: dict[str, Order] = {}
        self._command = command
        self._connections = SharedConnections()
        self._names = set[str]()
        self._approaches: dict[str, Approach] = {}

    def make(self, agent: Agent) -> tuple[AgentRuntime, Observer]:
        """The runtime, and who is told of its end."""
        from dataclasses import replace

        from mycel_runtime.cli.own_command import quoted
        from mycel_runtime.daemon.agent_runtime import AgentRuntime
        from mycel_runtime.daemon.reload.agent_reload import AgentReload
        from mycel_runtime.observe.logs import LogObserver
        from mycel_runtime.observe.observer import FanOut

        name = agent.settings.agent.name
        self._names.add(name)
        listener = None if agent.settings.http.listen is None else self.listener
        observer = FanOut([LogObserver({"agent": name}), *([listener.observer_of(name)] if listener else [])])
        for loaded in agent.plugins:
            observer.tell(fate_of(loaded))
        how_to_talk = f"{self._command} chat --config {quoted(agent.config)}"
        runtime = AgentRuntime(
            AgentReload(agent.config, agent.settings, agent.plugins, self.overrides),
            token=agent.token,
            network=replace(agent.network, connections=self._connections),
            approach=self._approach_of(agent),
            observer=observer,
            show=click.echo,
            how_to_talk=f"Talk to it from another terminal: {how_to_talk}\nStop it with Ctrl-C.",
            orders=self.orders,
        )
        if listener is not None:
            listener.add(runtime)
        return runtime, observer

    def _approach_of(self, agent: Agent) -> Approach:
        """That of all agents of its backend; an embedded one is its own."""
        from mycel_runtime.inbox.approach import Approach

        if agent.settings.is_embedded:
            return Approach()
        return self._approaches.setdefault(agent.settings.agent.base_url, Approach())

    def make_newcomer(self, agent: Agent) -> tuple[AgentRuntime, Observer]:
        """The same in a process that runs."""
        make_place_for(agent, len(self._names) + 1)
        return self.make(agent)

    def forget(self, agent: str) -> None:
        """It has left for good."""
        self._names.discard(agent)
        if self.listener is not None:
            self.listener.forget(agent)


def _listener(agents: Sequence[Agent]) -> HttpListener | None:
    """The page's; nothing of it is imported where no file names an address."""
    settings = next((agent.settings for agent in agents if agent.settings.http.listen is not None), None)
    if settings is None:
        return None
    from mycel_runtime.daemon.http.listener import HttpListener
    from mycel_runtime.observe.logs import LogObserver

    return HttpListener(settings, observer=LogObserver({}))
