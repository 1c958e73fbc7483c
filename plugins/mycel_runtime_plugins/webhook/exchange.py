"""One delivery over HTTP: sent signed, answered at once, later, or not."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx

from mycel_runtime import (
    ChatEventContext,
    JoinRequestContext,
    MessageContext,
    Reject,
    RelationshipContext,
    Retry,
)
from mycel_runtime_plugins.webhook.answer import AnswerError, answer_of
from mycel_runtime_plugins.webhook.callback_door import door_of
from mycel_runtime_plugins.webhook.secret import SecretError, read_keys
from mycel_runtime_plugins.webhook.signature import signed_headers
from mycel_runtime_plugins.webhook.verdict import require_success

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mycel_runtime_plugins.webhook.answer import Answer
    from mycel_runtime_plugins.webhook.body import Delivery
    from mycel_runtime_plugins.webhook.settings import WebhookSettings
    from mycel_runtime_plugins.webhook.waiting import Call

AGENT: Final = "mycel-runtime-webhook/1"


Context: TypeAlias = MessageContext | RelationshipContext | JoinRequestContext | ChatEventContext


@asynccontextmanager
async def delivered(
    delivery: Delivery, ctx: Context, *, is_request: bool, has_chat: bool
) -> AsyncIterator[Answer]:
    """
    Send it, and read what is answered, at once or by a callback, whose caller is told how the context has ended.

    Nothing of the agent's own goes along but what the delivery says: no token, no cookie.

    Args:
        delivery: What.
        ctx: Of the handler.
        is_request: As of `answer_of`.
        has_chat: As of `answer_of`.

    Raises:
        Retry: The endpoint did not take it, or has not called back in its time, or nobody knows.
        Reject: It never will, or its answer is none.

    Cancelling: the endpoint may have taken it; it comes again under the same id.
    """
    settings: WebhookSettings = ctx.settings
    check = functools.partial(
        answer_of,
        most=settings.most_replies,
        characters=settings.reply_characters,
        is_request=is_request,
        has_chat=has_chat,
    )
    if not settings.has_callbacks:
        _, content = await _send(delivery, settings, attempt=ctx.attempt)
        yield _checked(content, check)
        return
    if (door := door_of(ctx.me)) is None:
        raise Retry(why="callbacks are not heard in this process: leave isolation out of [plugins.webhook]")
    # Before it is sent: a callback may be quicker than the response.
    with door.waiting.call(delivery.id, check) as call:
        status, content = await _send(delivery, settings, attempt=ctx.attempt)
        if status == HTTPStatus.ACCEPTED:
            yield await _called_back(call, settings.callback_timeout)
        else:
            call.decline()
            yield _checked(content, check)


def _checked(content: bytes, check: Callable[[bytes], Answer]) -> Answer:
    try:
        return check(content)
    except AnswerError as exc:
        raise Reject(f"the endpoint's answer is none: {exc}", is_told=False) from None


async def _called_back(call: Call, within: float) -> Answer:
    try:
        return await call.answer(within)
    except TimeoutError:
        raise Retry(why=f"the endpoint did not call back within {within:g} s") from None


async def _send(delivery: Delivery, settings: WebhookSettings, *, attempt: int) -> tuple[int, bytes]:
    """Its status, and its body."""
    body = delivery.encoded()
    try:
        keys = await asyncio.to_thread(read_keys, settings)
    except SecretError as exc:
        raise Retry(why=f"[plugins.webhook] {exc}") from None
    headers = signed_headers(delivery.id, body, keys=keys, now=time.time())
    headers |= {
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": AGENT,
        "mycel-attempt": str(attempt),
    }
    return await _post(body, headers, settings)


async def _post(body: bytes, headers: dict[str, str], settings: WebhookSettings) -> tuple[int, bytes]:
    try:
        async with (
            asyncio.timeout(settings.timeout),
            await _client(settings) as client,
            client.stream("POST", settings.url, content=body, headers=headers) as response,
        ):
            require_success(response.status_code, response.headers, cap=settings.retry_cap, now=time.time())
            return response.status_code, await _read(response, settings.most_bytes)
    except TimeoutError:
        raise Retry(why=f"the endpoint did not answer within {settings.timeout:g} s") from None
    except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
        # Without its text, which may quote the address.
        raise Retry(why=f"the endpoint cannot be reached ({type(exc).__name__})") from None


async def _read(response: httpx.Response, most: int) -> bytes:
    """The whole body, as long as it is JSON, unpacked and not too large."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Reject("the endpoint's answer is compressed, which was not asked for", is_told=False)
    read = bytearray()
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) > most:
            raise Reject(f"the endpoint's answer is larger than {most} bytes (most_bytes)", is_told=False)
    if read.strip() and not (kind == "application/json" or kind.endswith("+json")):
        # A page of something in between, perhaps: it was not the endpoint that took the delivery.
        raise Retry(why="the endpoint's answer is no application/json")
    return bytes(read)


async def _client(settings: WebhookSettings) -> httpx.AsyncClient:
    is_environment = settings.proxy == "environment"
    return httpx.AsyncClient(
        verify=await asyncio.to_thread(_authorities, settings.ca_file),
        proxy=None if is_environment else settings.proxy,
        trust_env=is_environment,
        follow_redirects=False,
        timeout=settings.timeout,
    )


@functools.lru_cache(maxsize=4)
def _authorities(ca_file: Path | None) -> ssl.SSLContext:
    """Read once: it takes a tenth of a second where there are many."""
    return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
