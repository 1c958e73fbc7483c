"""The retry loop of both drivers, by tenacity; `policy` decides, this carries out."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import tenacity

from mycel_runtime.errors import ApiError
from mycel_runtime.observe.facts import CallRetried
from mycel_runtime.sdk.policy import may_repeat, retry_delay

if TYPE_CHECKING:
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk.calls import Call

_DICE: Final = random.SystemRandom()
"""Of our own: whoever uses the SDK may seed the global generator."""


def retry_options(call: Call[Any], retries: int, observer: Observer) -> dict[str, Any]:
    """Arguments of `tenacity.Retrying` and `AsyncRetrying` for the tries of one call, the first included."""

    def should_retry(exc: BaseException) -> bool:
        return isinstance(exc, ApiError) and may_repeat(call, exc)

    def tell(state: tenacity.RetryCallState) -> None:
        observer.tell(
            CallRetried(
                method=call.method,
                attempt=state.attempt_number,
                error=type(_error_of(state)).__name__,
                retry_in=round(state.next_action.sleep if state.next_action else 0.0, 3),
            )
        )

    return {
        "retry": tenacity.retry_if_exception(should_retry),
        "stop": tenacity.stop_after_attempt(retries + 1),
        "wait": _wait,
        "before_sleep": tell,
        "reraise": True,
    }


def _wait(state: tenacity.RetryCallState) -> float:
    return retry_delay(_error_of(state), state.attempt_number, _DICE.random())


def _error_of(state: tenacity.RetryCallState) -> ApiError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ApiError)
    return error
