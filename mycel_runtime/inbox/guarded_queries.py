"""One question to the server. What goes wrong is told and costs this question only; the next look asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    IdentityRefusedError,
    IntermediaryError,
    RedirectError,
    ServerError,
    TransportError,
)
from mycel_runtime.observe.facts import ReconcileFailed
from mycel_runtime.sdk.reconnect_backoff import SHARED_STATUSES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient

T = TypeVar("T")

ODD_ANSWER: Final = (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError)
"""What reading an answer raises that is not what the contract says: a list of null, a row without its id."""

_LONGEST_DETAIL: Final = 500


class GuardedQueries:
    """
    Asks.

    Args:
        sdk: As the identity.
        observer: Told of what could not be answered.
        server: For error texts.
        connection: The number of the subscription that stands.
        asked: Told of each question whether it has reached the backend, and which subscription stood when it began.
    """

    def __init__(
        self,
        *,
        sdk: AsyncClient,
        observer: Observer,
        server: str,
        connection: Callable[[], int | None],
        asked: Callable[[bool, int | None], None],
    ) -> None:
        self._sdk = sdk
        self._observer = observer
        self._server = server
        self._connection = connection
        self._asked = asked

    async def ask(self, reason: str, question: Callable[[], Awaitable[T]]) -> T | None:
        """
        The answer; `None` if there is none that can be read.

        Args:
            reason: Of the look.
            question: Calls the server and reads the answer, and does nothing else: its errors are the server's.

        Raises:
            IdentityRefusedError: The token is refused, and not only by this answer.
        """
        connection = self._connection()
        try:
            answer = await question()
        except AuthenticationError as exc:
            self._asked(has_reached(exc), connection)
            await self.require_identity()
            error = named(exc)
        except ApiError as exc:
            self._asked(has_reached(exc), connection)
            error = named(exc)
        except ODD_ANSWER as exc:
            error = f"{type(exc).__name__}: the answer is not what the contract says"
        else:
            self._asked(True, connection)
            return answer
        self._observer.tell(ReconcileFailed(reason=reason, error=error))
        return None

    async def require_identity(self) -> None:
        """As the function."""
        await require_identity(self._sdk, server=self._server)


async def require_identity(sdk: AsyncClient, *, server: str) -> None:
    """
    Ask who we are, because a refusal may be a proxy's or have another reason: what `me` says counts (Q18, Q52).

    Args:
        sdk: As the identity.
        server: For the error's text.

    Raises:
        IdentityRefusedError: The backend itself says that the token is refused; a gateway may say so of anybody.
    """
    try:
        await sdk.me.whoami()
    except AuthenticationError as exc:
        raise IdentityRefusedError(server, exc.detail) from exc
    except ApiError:
        return


def has_reached(error: ApiError) -> bool:
    """Whether the backend itself has answered, as far as one can tell: no silence, and no gateway's in its place."""
    return error.is_backends_own or not (error.is_transport_error or error.status_code in SHARED_STATUSES)


def named(error: ApiError) -> str:
    """For the operator: why there was no answer, which chat a server's error names (Q20), where a redirect leads."""
    if isinstance(error, IntermediaryError):
        return f"{error.status_code} by something between here and the backend, perhaps a login page"
    if isinstance(error, TransportError):
        return f"{type(error).__name__}: {error.detail[:_LONGEST_DETAIL]}"
    is_telling = isinstance(error, ServerError | RedirectError)
    text = f": {error.detail[:_LONGEST_DETAIL]}" if is_telling else ""
    return f"{type(error).__name__} {error.status_code}{text}"
