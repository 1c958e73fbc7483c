"""An agent's configuration becomes a replay: its code or other code, its log, and a client that only reads."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mycel_runtime.daemon.embedded_identity import require_embedded_identity
from mycel_runtime.daemon.network import network_of
from mycel_runtime.daemon.state_dir import find_state_dir
from mycel_runtime.errors import ArgumentError, AuthenticationError, IdentityRefusedError
from mycel_runtime.journal.capture_file import CAPTURE_NAME, CapturedRuns
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.registry import bound_handlers, load_plugins
from mycel_runtime.replay.reading_client import OfflineClient, ReadingClient
from mycel_runtime.replay.session import Replay
from mycel_runtime.settings import load_settings, read_database, read_token
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.settings import Settings


_NOWHERE: Final = "http://127.0.0.1:9"
"""The address of a client that is never sent anything."""


class Ago(NamedTuple):
    """A time by the journal's own clock; seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which turns; arguments of `TurnLog.select`."""

    handler: str | None = None
    chat_id: str | None = None
    since: float | Ago | None = None
    until: float | Ago | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A replay that can begin, and the numbers of its turns."""

    replay: Replay
    chosen: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An agent's settings, and the handlers that are to be run."""

    settings: Settings
    handlers: Sequence[BoundHandler]


def load_code(config: Path, code: str | None) -> Code:
    """
    The configuration's handlers.

    Args:
        config: The agent's file.
        code: `FILE`, or `NAME=FILE` where there are several plugins: in the place of what the table names.

    Raises:
        ArgumentError: `code` names no plugin of the configuration.
        ConfigError: The configuration or a plugin cannot be used.
    """
    settings = load_settings(config)
    tables = settings.plugins if code is None else _with_code(settings.plugins, code)
    return Code(settings=settings, handlers=bound_handlers(load_plugins(tables, config.absolute())))


@contextlib.asynccontextmanager
async def open_replay(
    config: Path, code: Code, choice: Choice, *, is_offline: bool = False
) -> AsyncIterator[Opened]:
    """
    Find the turns, and read as the agent.

    Args:
        config: The agent's file, for error texts and relative paths.
        code: As `load_code` has loaded it.
        choice: Which turns.
        is_offline: The backend is asked nothing, not even who the agent is.

    Raises:
        ArgumentError: There is no such handler, or no such turn; offline, nothing was captured.
        JournalFileError: There is no journal with turns.
        IdentityRefusedError: The token is refused.
        ApiError: The backend does not answer, or not as expected.
    """
    settings = code.settings
    state_dir = find_state_dir(settings, config)
    captured = CapturedRuns(state_dir / CAPTURE_NAME)
    client = OfflineClient(base_url=_NOWHERE) if is_offline else _reading_client(settings, config, state_dir)
    async with client as sdk:
        me = _captured_identity(captured, settings) if is_offline else await _identity(sdk, settings)
        reader = engine_of(state_dir, read_database(settings, config)).reader
        log = reader.turn_log(me)
        if choice.handler is not None:
            _require_known(choice.handler, {*log.handlers(), *(bound.handler.id for bound in code.handlers)})
        chosen = log.select(
            handler=choice.handler,
            chat_id=choice.chat_id,
            since=_at(choice.since, reader),
            until=_at(choice.until, reader),
            last=choice.last,
        )
        if not chosen:
            raise _none_chosen(me, is_any_logged=bool(log.handlers()), kept=settings.journal.kept_turns)
        replay = Replay(
            log, sdk=sdk, handlers=code.handlers, me=me, settings=settings.dispatch, captured=captured
        )
        yield Opened(replay=replay, chosen=chosen)


def _at(moment: float | Ago | None, reader: JournalReader) -> float | None:
    """Epoch seconds by the journal's clock."""
    return reader.now() - moment.seconds if isinstance(moment, Ago) else moment


def _none_chosen(me: UserId, *, is_any_logged: bool, kept: int) -> ArgumentError:
    if is_any_logged:
        fix = "Choose others; [journal] kept_turns says how many are kept."
        return ArgumentError(f"no such turn of {me} is logged", fix=fix)
    if kept:
        fix = (
            "Each end of a handler is logged, but for those of on_start and on_stop: let it answer something."
        )
        return ArgumentError(f"no turn of {me} is logged yet", fix=fix)
    fix = "Set it, and let a handler answer something."
    return ArgumentError("no turn is logged: [journal] kept_turns is 0", fix=fix)


def _with_code(tables: Mapping[str, Mapping[str, Any]], code: str) -> dict[str, Mapping[str, Any]]:
    """The tables, one of them with another file."""
    name, equals, file = code.rpartition("=")
    if not equals and len(tables) == 1:
        name = next(iter(tables))
    if name not in tables:
        raise ArgumentError(
            f"no plugin {name!r} is configured" if equals else "which plugin is this the code of?",
            fix=f"Say NAME={file}, NAME being one of: {', '.join(tables) or 'none'}.",
        )
    # Relative to where the command is given, and not to the configuration.
    return {**tables, name: {**tables[name], "path": str(Path(file).absolute())}}


def _reading_client(settings: Settings, config: Path, state_dir: Path) -> ReadingClient:
    if settings.is_embedded:
        embedded = require_embedded_identity(state_dir)
        return ReadingClient(base_url=embedded.base_url, auth_token=embedded.agent_token.get_secret_value())
    return ReadingClient(
        base_url=settings.agent.base_url,
        auth_token=read_token(settings).get_secret_value(),
        network=network_of(settings, config),
    )


async def _identity(sdk: ReadingClient, settings: Settings) -> UserId:
    try:
        return UserId((await sdk.me.whoami())["id"])
    except AuthenticationError as exc:
        raise IdentityRefusedError(settings.agent.base_url, exc.detail) from exc


def _captured_identity(captured: CapturedRuns, settings: Settings) -> UserId:
    """Whose runs were captured."""
    identities = captured.identities()
    if not identities:
        raise ArgumentError(
            "nothing is captured that could be replayed offline",
            fix="Set [journal] capture = true, and let a handler answer something; or leave --offline out.",
        )
    if settings.agent.user_id in identities:
        return UserId(settings.agent.user_id or "")
    if len(identities) > 1:
        raise ArgumentError(
            f"runs of several identities are captured: {', '.join(identities)}",
            fix="Say by [agent] user_id whose are to be replayed.",
        )
    return UserId(identities[0])


def _require_known(handler: str, known: set[str]) -> None:
    if handler not in known:
        raise ArgumentError(f"there is no handler {handler!r}", fix=f"There are: {', '.join(sorted(known))}.")
