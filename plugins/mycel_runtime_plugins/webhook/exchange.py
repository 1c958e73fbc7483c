"""One delivery over HTTP: sent signed, answered or not."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from typing import TYPE_CHECKING, Final

import httpx

from mycel_runtime import Reject, Retry
from mycel_runtime_plugins.webhook.answer import AnswerError, answer_of
from mycel_runtime_plugins.webhook.secret import SecretError, read_keys
from mycel_runtime_plugins.webhook.signature import signed_headers
from mycel_runtime_plugins.webhook.verdict import require_success

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime_plugins.webhook.answer import Answer
    from mycel_runtime_plugins.webhook.body import Delivery
    from mycel_runtime_plugins.webhook.settings import WebhookSettings

AGENT: Final = "mycel-runtime-webhook/1"


async def deliver(
    delivery: Delivery, settings: WebhookSettings, *, attempt: int, is_request: bool, has_chat: bool
) -> Answer:
    """
    Send it, and read what is answered.

    Nothing of the agent's own goes along but what the delivery says: no token, no cookie.

    Args:
        delivery: What.
        settings: Where to, and with which key.
        attempt: From 1.
        is_request: As of `answer_of`.
        has_chat: As of `answer_of`.

    Raises:
        Retry: The endpoint did not take it, or nobody knows.
        Reject: It never will, or its answer is none.

    Cancelling: the endpoint may have taken it; it comes again under the same id.
    """
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
    content = await _post(body, headers, settings)
    try:
        return answer_of(
            content,
            most=settings.most_replies,
            characters=settings.reply_characters,
            is_request=is_request,
            has_chat=has_chat,
        )
    except AnswerError as exc:
        raise Reject(f"the endpoint's answer is none: {exc}", is_told=False) from None


async def _post(body: bytes, headers: dict[str, str], settings: WebhookSettings) -> bytes:
    try:
        async with (
            asyncio.timeout(settings.timeout),
            await _client(settings) as client,
            client.stream("POST", settings.url, content=body, headers=headers) as response,
        ):
            require_success(response.status_code, response.headers, cap=settings.retry_cap, now=time.time())
            return await _read(response, settings.most_bytes)
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
