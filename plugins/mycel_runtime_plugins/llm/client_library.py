"""The vendors' client libraries: imported when the first turn needs one, and never beside it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime_plugins.llm.failure import Kind, ModelError, refusal, status_said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pydantic import SecretStr

    from mycel_runtime_plugins.llm.settings import LlmSettings

_CONNECT_SECONDS: Final = 10.0
"""Until somebody must answer at the endpoint's address."""

_CLIENTS: Final = {"openai": "AsyncOpenAI", "anthropic": "AsyncAnthropic"}

_FIRST_USED: Final = {
    "openai": "openai.resources.chat.completions",
    "anthropic": "anthropic.resources.messages",
}
"""What a client would import at its first request, on the loop."""

_NO_KEY: Final = "none"
"""What a client says where the endpoint takes no key: without one it would look into the environment."""


async def load_library(api: str) -> Any:
    """
    The vendor's package; its first import takes a second, in a thread.

    Raises:
        ModelError: It is not installed, or broken.
    """
    try:
        await asyncio.to_thread(importlib.import_module, _FIRST_USED[api])
    except ImportError as exc:
        why = f'the package {api} is missing: pip install "mycel-runtime[{api}]"'
        raise ModelError(Kind.MISCONFIGURED, why) from exc
    return importlib.import_module(api)


@contextlib.asynccontextmanager
async def open_client(settings: LlmSettings, key: SecretStr) -> AsyncIterator[Any]:
    """
    A client for one turn: no connection outlives it, whatever ends it.

    It tries nothing again by itself, because it would wait for minutes, or for as long as a server says, within the
    turn; and asks no environment for keys, addresses or tracing, which would carry the chat's words elsewhere.

    Raises:
        ModelError: There is no library.
    """
    library = await load_library(settings.api)
    tls = await asyncio.to_thread(_tls)
    timeout = library.Timeout(settings.stall_timeout, connect=min(_CONNECT_SECONDS, settings.stall_timeout))
    options: dict[str, Any] = {"open_telemetry": False} if settings.api == "anthropic" else {}
    client = getattr(library, _CLIENTS[settings.api])(
        api_key=key.get_secret_value() or _NO_KEY,
        base_url=settings.url,
        max_retries=0,
        timeout=timeout,
        http_client=library.DefaultAsyncHttpxClient(verify=tls, timeout=timeout),
        **options,
    )
    async with client:
        yield client


@functools.cache
def _tls() -> ssl.SSLContext:
    """Reading the authorities takes 50 ms."""
    return ssl.create_default_context()


@contextlib.contextmanager
def translating() -> Iterator[None]:
    """
    What a library raises, by what it means. Their texts quote prompts and answers, so none is passed on.

    Raises:
        ModelError: In its place.
    """
    try:
        yield
    except (ModelError, TimeoutError):
        raise
    except Exception as exc:  # noqa: BLE001 - what they raise on nonsense is nowhere written down
        raise _meaning_of(exc) from None


def _meaning_of(exc: Exception) -> ModelError:
    """By what all of them have in common."""
    status = getattr(exc, "status_code", None)
    if isinstance(status, int) and status >= 300:  # noqa: PLR2004 - HTTP's first status that is no answer
        headers = {name.lower(): value for name, value in exc.response.headers.items()}  # type: ignore[attr-defined]
        return refusal(status, getattr(exc, "body", None), headers, datetime.now(UTC))
    if isinstance(exc, ValueError | TypeError | AttributeError | KeyError | LookupError):
        return ModelError(Kind.ODD, f"the endpoint answers nonsense ({type(exc).__name__})")
    if (body := getattr(exc, "body", None)) is not None:
        # In the middle of a stream that had begun well.
        return refusal(status_said(body), body, {}, datetime.now(UTC))
    causes = " by ".join(type(each).__name__ for each in (exc, exc.__cause__) if each is not None)
    return ModelError(Kind.UNAVAILABLE, f"no answer from the endpoint ({causes})")
