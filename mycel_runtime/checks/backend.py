"""The backend, asked once: does it answer, what can it do, whose token is it, and what time is it there."""

from __future__ import annotations

import contextlib
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import httpx
from typing_extensions import override

from mycel_runtime.checks.finding import Finding, error, errors_from, ok, skipped, warning
from mycel_runtime.daemon.identity import require_agent
from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    IdentityRefusedError,
    TransportError,
    WrongIdentityError,
)
from mycel_runtime.inbox.guarded_queries import ODD_ANSWER, named
from mycel_runtime.sdk import Client
from mycel_runtime.sdk.cause import cause_of
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from pydantic import SecretStr

    from mycel_runtime.sdk import Network
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.exchange import Reply
    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.resources import BackendInfo

T = TypeVar("T")

_STEP_SECONDS: Final = 5.0

_CALL_SECONDS: Final = 10.0

_SKEW_SECONDS: Final = 30.0
"""Above it somebody who compares a log with the server's is misled; certificates and tokens come next."""

_NEEDED: Final = ("chat_messages", "runtime_inbox")
"""Capabilities without which an agent neither hears nor speaks."""


class Exchange(NamedTuple):
    """When a call was made and answered, epoch seconds, and the header `Date` of its answer."""

    begun_at: float
    ended_at: float
    date: str


class DatedClient(Client):
    """`Client` that remembers when its latest answer was made."""

    latest: Exchange | None = None

    @override
    def _send(self, call: Call[T]) -> Reply:
        begun_at = time.time()
        reply = super()._send(call)
        self.latest = Exchange(begun_at, time.time(), reply.date)
        return reply


def open_client(settings: Settings, token: SecretStr | None, network: Network) -> DatedClient:
    """Who asks: the agent, with short waits and without repetition; to be closed."""
    return DatedClient(
        base_url=settings.agent.base_url,
        auth_token=token.get_secret_value() if token else None,
        network=network,
        timeout=httpx.Timeout(_STEP_SECONDS),
        deadline_seconds=_CALL_SECONDS,
        retries=0,
    )


def backend_findings(
    client: DatedClient, settings: Settings, *, has_token: bool
) -> tuple[list[Finding], UserId | None]:
    """
    What a backend answers.

    Args:
        client: As of `open_client`.
        settings: The agent's.
        has_token: Whether the client speaks as somebody.

    Returns:
        The findings, and who the agent is; `None` if that could not be told.
    """
    server = settings.agent.base_url
    try:
        info = client.backend_info()
    except (ApiError, *ODD_ANSWER) as exc:
        if isinstance(exc, TransportError):
            return [_unreachable(server, exc)], None
        # A gateway may keep the document from us; that the backend answers is told by the next call.
        findings = [warning("backend", f"does not tell what it can do: {_named(exc)}", _LOOK, subject=server)]
    else:
        findings = [_of_capabilities(server, info)]
    findings += _of_clock(client.latest)
    if not has_token:
        return findings, None
    identity, me = _of_identity(client, settings)
    return [*findings, *identity], me


_LOOK: Final = "Look at what stands between here and the backend, and at base_url."


def _unreachable(server: str, exc: TransportError) -> Finding:
    cause = cause_of(exc)
    text = f"does not answer: {cause.value if cause else exc.detail}"
    fix = cause.fix if cause else "Start it, or correct [agent] base_url."
    return error("backend", text, fix, exit_code=TransportError.exit_code, subject=server)


def _of_capabilities(server: str, info: BackendInfo) -> Finding:
    capabilities: dict[str, Any] = dict(info["capabilities"])
    missing = [name for name in _NEEDED if not capabilities.get(name)]
    able = ", ".join(name for name, is_there in capabilities.items() if is_there) or "nothing that is known"
    text = f"{info['title'] or 'no title'} {info['version']}: {able}"
    if missing:
        fix = "Correct base_url: this is no Mycel, or one that no agent can live on."
        return error("backend", f"{text}; lacks {', '.join(missing)}", fix, exit_code=78, subject=server)
    return ok("backend", text, subject=server)


def _of_clock(latest: Exchange | None) -> list[Finding]:
    if latest is None:
        return []
    skew = skew_of(latest)
    if skew is None:
        return [skipped("clock", "the backend does not say what time it is there")]
    ahead, uncertain = skew
    if abs(ahead) - uncertain <= _SKEW_SECONDS:
        return [ok("clock", f"agrees with the backend's within {abs(ahead) + uncertain:.0f} s")]
    text = f"this machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} the backend's"
    return [warning("clock", text, "Set it, for example by: timedatectl set-ntp true")]


def skew_of(exchange: Exchange) -> tuple[float, float] | None:
    """
    How far the server's clock is ahead of ours, and how far off that may be, in seconds; `None`: it does not say.

    The header tells whole seconds, and the answer was made at some time between the request and its arrival.
    """
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        middle = (exchange.begun_at + exchange.ended_at) / 2
        ahead = parsedate_to_datetime(exchange.date).timestamp() + 0.5 - middle
        return ahead, 0.5 + (exchange.ended_at - exchange.begun_at) / 2
    return None


def _of_identity(client: Client, settings: Settings) -> tuple[list[Finding], UserId | None]:
    server = settings.agent.base_url
    try:
        user = client.me.whoami()
        require_agent(user, server=server, user_id=settings.agent.user_id)
        me = UserId(str(user["id"]))
    except AuthenticationError as exc:
        return errors_from("identity", IdentityRefusedError(server, exc.detail), subject=server), None
    except WrongIdentityError as exc:
        return errors_from("identity", exc, subject=server), None
    except TransportError as exc:
        return [_unreachable(server, exc)], None
    except (ApiError, *ODD_ANSWER) as exc:
        text = f"the backend does not tell whose token it is: {_named(exc)}"
        return [error("identity", text, _LOOK, exit_code=75, subject=server)], None
    return [ok("identity", f"{user.get('name')} ({me}), {user.get('type')}", subject=server)], me


def _named(exc: Exception) -> str:
    return named(exc) if isinstance(exc, ApiError) else "an answer that is not what the contract says"
