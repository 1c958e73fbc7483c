"""Which agents a command is about, and how their daemons, or else their journals, are asked."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mycel_runtime.cli.progress import told_if_long
from mycel_runtime.daemon.agents import config_files
from mycel_runtime.daemon.control import ANSWER_SECONDS, ask_admin, ask_status, give_order
from mycel_runtime.daemon.dump import ask_dump
from mycel_runtime.daemon.following import follow
from mycel_runtime.daemon.reports.journal_report import LEAST_FREE_BYTES, free_bytes
from mycel_runtime.daemon.state_dir import (
    SOCKET_NAME,
    UNIT_STATE,
    find_state_dir,
    place_of_worker,
    state_of_folder,
)
from mycel_runtime.daemon.upkeep.at_rest import change_at_rest, list_at_rest, make_place
from mycel_runtime.dispatch.suspects import death_pause
from mycel_runtime.errors import ConfigError, IdentityHeldError, NoDaemonError
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings import load_settings, read_database
from mycel_runtime.settings.loading import load_beginning
from mycel_runtime.units.handed_token import handed_token
from mycel_runtime.units.installed import config_of_unit, find_unit, verified_name
from mycel_runtime.units.places import UNIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mycel_runtime.daemon.status import Status
    from mycel_runtime.journal.port.engine import JournalEngine
    from mycel_runtime.settings import Settings
    from mycel_runtime.units.handed_token import HandedToken

_DATABASE_SECONDS: Final = 10.0
"""For which each server of a database is waited for by whoever looks."""

_NAMED: Final = 3
"""Files of a folder that an error names."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    One agent, as its file tells.

    Attributes:
        mistake: What is wrong with its file, of which only the beginning was read: if no daemon is found by it that
            has read this file, that is the trouble.
        server: Its backend.
        plugins: Names of its tables.
    """

    config: Path
    name: str
    state_dir: Path
    mistake: ConfigError | None = None
    server: str = ""
    plugins: tuple[str, ...] = ()

    @property
    def engine(self) -> JournalEngine:
        """
        What keeps its journal.

        Raises:
            ConfigError: The file cannot be used by now; or a database does, and its password cannot be read, or its
                engine is not installed.
        """
        return engine_of(self.state_dir, read_database(load_settings(self.config), self.config))

    def ask(self, verb: str, **arguments: Any) -> Any:
        """
        What a verb of its daemon answers.

        Raises:
            ControlError: No daemon answers, or not as expected.
        """
        with self._what_to_do(), told_if_long(partial(self._why_long, ANSWER_SECONDS, time.time())):
            self._require_its_file()
            return ask_admin(self.state_dir, verb, **arguments)

    def order(self, order: str, *, within: float, **arguments: Any) -> dict[str, Any]:
        """
        What its daemon answers to an order, as `give_order`.

        Raises:
            ControlError: No daemon answers, or not as expected.
        """
        with self._what_to_do(), told_if_long(partial(self._why_long, within, time.time())):
            self._require_its_file()
            return give_order(self.state_dir, order, within=within, **arguments)

    def status(self) -> Status:
        """
        How its daemon is.

        Raises:
            ControlError: No daemon answers, or not as expected.
        """
        with self._what_to_do():
            return self._require_its_file() or ask_status(self.state_dir)

    def dump(self) -> str:
        """
        What its daemon does right now, as `ask_dump`.

        Raises:
            ControlError: No daemon answers, or not as expected.
        """
        with self._what_to_do():
            self._require_its_file()
            return ask_dump(self.state_dir)

    def follow(self, query: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """
        What happens in its daemon until that ends, as `follow`.

        Raises:
            ControlError: No daemon answers any more, or not as expected.
        """
        with self._what_to_do():
            self._require_its_file()
            yield from follow(self.state_dir, query)

    def outdated_token(self) -> HandedToken | None:
        """What its unit would hand over, if its running daemon has been given another token than that."""
        token = handed_token(self.config, self.name, os.environ)
        return token if token and token.is_outdated(self.state_dir) else None

    def _require_its_file(self) -> Status | None:
        """
        Where the file is wrong, have the daemon that was found by its beginning tell which file it has read.

        Returns:
            Its status, if it was asked.

        Raises:
            ConfigError: The mistake: it is another agent's daemon.
        """
        if self.mistake is None:
            return None
        status = ask_status(self.state_dir)
        if status.program is None or not _is_same(status.program.config_file, self.config):
            raise self.mistake
        return status

    @contextlib.contextmanager
    def _what_to_do(self) -> Iterator[None]:
        """Name the command that helps where no daemon answers."""
        try:
            yield
        except NoDaemonError as exc:
            if self.mistake is not None:
                raise self.mistake from exc
            file = shlex.quote(str(self.config))
            fix = (
                f"See why: mycel-runtime status --config {file}"
                if exc.is_running
                else f"{self._room()}Start it: {self._start(file)}"
            )
            raise NoDaemonError(exc.problem, is_running=exc.is_running, fix=fix) from exc

    def _why_long(self, within: float, began: float) -> str:
        """That the daemon's database keeps an answer waiting, and until when it is waited for; else empty."""
        away = ask_status(self.state_dir).database_problem
        return away and f"{self.name}: {away}; waiting until {_clock(began + within)}"

    def _why_long_at_rest(self, engine: JournalEngine, began: float) -> str:
        """That its database keeps waiting whoever looks into the journal; else empty."""
        if engine.files is not None:
            return ""
        return (
            f"{self.name}: {engine.where} does not answer; waiting until {_clock(began + _DATABASE_SECONDS)}"
        )

    def _room(self) -> str:
        """What must be done before a start can help."""
        free = free_bytes(self.state_dir)
        if free is None or free >= LEAST_FREE_BYTES:
            return ""
        return f"Make room in {self.state_dir}: the disk is full, and nothing can be kept. "

    def _start(self, file: str) -> str:
        """The unit's way, if there is one."""
        unit = find_unit(self.config, self.name, os.environ)
        if unit is None:
            return f"mycel-runtime run --config {file}"
        # In a folder's unit others may run, with which it can live again without a restart.
        verb = "start" if unit.config == self.config.absolute() else "reload-or-restart"
        return f"systemctl {verb} {verified_name(unit).removesuffix('.service')}"

    def change(self, verb: str, **arguments: Any) -> Any:
        """
        What its daemon answers to a verb that changes the journal; without a daemon it is done here, under the lock.

        Raises:
            ControlError: The daemon has not begun to work, or does not answer as expected.
            JournalError, JournalFileError: There is no journal, or it cannot be opened.
            StateDirectoryError: As of `at_rest`.
        """
        try:
            return self.ask(verb, **arguments)
        except NoDaemonError as exc:
            pause = death_pause(load_settings(self.config).dispatch.retry_base)
            return self.at_rest(
                exc, lambda: change_at_rest(self.engine, verb, death_pause=pause, **arguments)
            )

    def at_rest(self, why: NoDaemonError, act: Callable[[], T]) -> T:
        """
        Do to its journal what no daemon can be asked for.

        Args:
            why: What asking the daemon has raised.
            act: Takes the journal's lock.

        Raises:
            NoDaemonError: `why`: there is a daemon, which has not begun to work.
            StateDirectoryError: The place of its lock cannot be made.
        """
        engine = self.engine
        if engine.files is None:
            # Of a journal that other hosts have made; a file's folder is there with it.
            make_place(self.state_dir)
        try:
            with told_if_long(partial(self._why_long_at_rest, engine, time.time())):
                done = act()
        except IdentityHeldError:
            raise why from None
        click.echo(f"{self.name}: written into its journal, because {_nobody(engine)}", err=True)
        return done

    def require_place(self) -> None:
        """
        Before something is written down for an agent that may never have run.

        Raises:
            NoDaemonError: Nobody can tell yet where its unit will have its state: systemd makes the folder at the
                first start.
        """
        unit = find_unit(self.config, self.name, os.environ)
        if unit is None or load_settings(self.config).agent.state_dir or self.engine.exists():
            return
        name = verified_name(unit).removesuffix(".service")
        raise NoDaemonError(
            f"{self.name}: {name} has never run, and systemd makes the folder of its state at the first start",
            fix=f"Set [agent] state_dir; or start it, and pause it then: systemctl start {name}",
        )

    def list(self, verb: str) -> list[dict[str, Any]]:
        """
        What its daemon lists, or its journal while there is no daemon to ask.

        Raises:
            ControlError: The daemon does not answer as expected.
            JournalError, JournalFileError: The journal cannot be read.
        """
        try:
            rows: list[dict[str, Any]] = self.ask(verb)
        except NoDaemonError:
            engine = self.engine
            with told_if_long(partial(self._why_long_at_rest, engine, time.time())):
                rows = list_at_rest(engine, verb)
            click.echo(f"{self.name}: read from its journal, because {_nobody(engine)}", err=True)
        return rows


def _nobody(engine: JournalEngine) -> str:
    """Of a database another host may have one."""
    return "no daemon is at work" if engine.files is not None else "no daemon is at work on this host"


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _is_same(read: str, config: Path) -> bool:
    return bool(read) and Path(read).resolve() == config.resolve()


def config_of(which: str) -> Path:
    """
    The file or folder that somebody means by a path, or by the name of a unit.

    Args:
        which: A path; or `codex-a`, `mycel-runtime@codex-a`, `mycel-runtime@codex-a.service`, which have their file
            in `/etc/mycel-runtime`; or `mycel-runtime-codex-a`, `mycel-runtime-agents`, whose unit names it.

    Raises:
        ConfigError: One word that is neither.
    """
    path = Path(which)
    if path.exists() or "/" in which or path.suffix == ".toml":
        return path
    unit, _, instance = which.removesuffix(".service").rpartition("@")
    of_instance = UNIT_CONFIG / f"{instance}.toml"
    if unit or _is_there(of_instance):
        return of_instance
    if (config := config_of_unit(instance, os.environ)) is not None:
        return config
    raise ConfigError(
        f"neither a file or folder in {Path.cwd()}, nor a unit: there is no {of_instance}, and no"
        f" mycel-runtime-{instance.removeprefix('mycel-runtime-')}.service",
        where=which,
        fix=f"Correct the name; of a file or folder write the path, as in ./{which}",
    )


def _is_there(path: Path) -> bool:
    """What may not be looked at is there, for whoever reads it tells that it may not."""
    try:
        return path.exists()
    except PermissionError:
        return True


def find_worker(target: Target, worker: str) -> Path:
    """The state directory of one of an agent's workers on this host: beside the agent's, or that of its own unit."""
    folder = target.config.absolute().parent
    beside = place_of_worker(target.state_dir, worker)
    of_units = [
        UNIT_STATE / f"{target.name}-{worker}",
        state_of_folder(folder.with_name(f"{folder.name}-{worker}")) / target.name,
    ]
    places = [beside, *(place_of_worker(place, worker) for place in of_units)]
    return next((place for place in places if _is_there(place / SOCKET_NAME)), beside)


def target_of(config: Path) -> Target:
    """
    The agent of a file.

    Raises:
        ConfigError: The file cannot be used.
    """
    return _target(load_settings(config), config)


def running_target_of(config: Path) -> Target:
    """
    As `target_of`, for a command that asks the daemon, which goes on though its file is wrong by now.

    What is asked through the target is asked of a daemon that has read this very file, or of nobody.

    Raises:
        ConfigError: The file cannot be used, and does not even tell which agent it is about.
    """
    try:
        return target_of(config)
    except ConfigError as exc:
        if (settings := load_beginning(config)) is None:
            raise
        return _target(settings, config, exc)


def _target(settings: Settings, config: Path, mistake: ConfigError | None = None) -> Target:
    return Target(
        config=config,
        name=settings.agent.name,
        state_dir=find_state_dir(settings, config),
        mistake=mistake,
        server=settings.agent.base_url,
        plugins=tuple(settings.plugins),
    )


def only_target_of(config: Path, find: Callable[[Path], Target] = target_of) -> Target:
    """
    The agent of a file, or the only one of a folder.

    Args:
        config: File or folder.
        find: The agent of a file.

    Raises:
        ConfigError: The file cannot be used, or the folder has none.
        UsageError: The folder has several.
    """
    files = config_files([config])
    if len(files) > 1:
        names = ", ".join(str(file) for file in files[:_NAMED]) + (", …" if len(files) > _NAMED else "")
        raise click.UsageError(f"{config} has {len(files)} agents; name one of them with --config: {names}")
    return find(files[0])


def only_running_target_of(config: Path) -> Target:
    """
    As `only_target_of`, for a command that asks the daemon.

    Raises:
        ConfigError, UsageError: As `only_target_of`.
    """
    return only_target_of(config, running_target_of)
