"""A model's endpoint on a loopback socket, which says what a test wants: well, odd, late, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from dataclasses import dataclass

OPENAI_STOPS = {"done": "stop", "length": "length", "tools": "tool_calls", "filtered": "content_filter"}
ANTHROPIC_STOPS = {
    "done": "end_turn",
    "length": "max_tokens",
    "tools": "tool_use",
    "filtered": "refusal",
}


@dataclass
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict


class Endpoint:
    """
    Speaks one of both APIs. `will(…)` puts acts in a row; when they are over it says "fine".

    An act is an async function of the writer.
    """

    def __init__(self, api):
        self.api = api
        self.asked = []
        self.acts = deque()
        self.otherwise = self.says("fine")
        self.is_asked = asyncio.Event()
        self._ended = asyncio.Event()
        self._connections = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}" + ("/v1" if self.api == "openai" else "")
        return self

    async def __aexit__(self, *_):
        self._ended.set()
        self._server.close()
        while self._connections:
            await asyncio.wait(self._connections, timeout=5)

    def will(self, *acts):
        self.acts.extend(acts)

    @property
    def texts(self):
        """Of the messages of the last request, but the system's."""
        return [each["content"] for each in self.asked[-1].body["messages"] if each["role"] != "system"]

    @property
    def system(self):
        body = self.asked[-1].body
        return body["system"] if self.api == "anthropic" else body["messages"][0]["content"]

    async def _serve(self, reader, writer):
        self._connections.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._connections.discard(asyncio.current_task())

    async def _answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        self.is_asked.set()
        self.asked.append(Asked(head[0].split()[1], headers, body))
        await (self.acts.popleft() if self.acts else self.otherwise)(writer)
        await writer.drain()

    def says(self, *texts, stop="done", tokens=(10, 5), calls=()):
        """Deltas of text, calls of tools as `(name, arguments)`, and why it ends; `None`: it does not say."""
        return self.streams([*self._deltas(texts, calls), *self._ends(stop, tokens)])

    def stalls(self, *texts):
        """Begins, and is never heard of again."""

        async def act(writer):
            await self.streams(self._deltas(texts, ()))(writer)
            await writer.drain()
            await self._ended.wait()

        return act

    def is_cut(self, *texts):
        """The connection ends in the middle of a chunk."""

        async def act(writer):
            text = "".join(_sse(event) for event in self._deltas(texts, ()))
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            writer.write(f"{len(text) + 100:x}\r\n{text}".encode())

        return act

    def streams(self, events):
        """These events, and the end of the connection."""
        return self.sends("".join(_sse(event) for event in events))

    def sends(self, text, kind="text/event-stream"):
        """Status 200, and whatever."""

        async def act(writer):
            writer.write(
                f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{text}".encode()
            )

        return act

    def refuses(self, status, code="some_error", message="no", **headers):
        """An error, shaped as the vendor's."""

        async def act(writer):
            error = {"message": message, "type": code, "code": code}
            body = json.dumps({"type": "error", "error": error})
            lines = [f"HTTP/1.1 {status} X", "content-type: application/json", "connection: close"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, f"content-length: {len(body)}", "", body]).encode())

        return act

    def breaks(self, *texts, code):
        """An error in the middle of its answer."""
        error = {"type": "error", "error": {"type": code, "message": "no"}}
        return self.streams([*self._deltas(texts, ()), error])

    def _deltas(self, texts, calls):
        return _openai_deltas(texts, calls) if self.api == "openai" else _anthropic_deltas(texts, calls)

    def _ends(self, stop, tokens):
        read, written = tokens
        if self.api == "openai":
            ends = [] if stop is None else [_choice({}, OPENAI_STOPS.get(stop, stop))]
            usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
            return [*ends, _choice({}) | {"usage": usage}, "[DONE]"]
        reason = None if stop is None else ANTHROPIC_STOPS.get(stop, stop)
        usage = {"input_tokens": read, "output_tokens": written}
        return [
            {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
            {"type": "message_stop"},
        ]


def _choice(delta, finish_reason=None):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _openai_deltas(texts, calls):
    yield from (_choice({"content": text}) for text in texts)
    for index, (name, arguments) in enumerate(calls):
        half = len(arguments) // 2
        function = {"name": name, "arguments": arguments[:half]}
        yield _choice(
            {"tool_calls": [{"index": index, "id": f"t{index}", "type": "function", "function": function}]}
        )
        yield _choice({"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})


def _anthropic_deltas(texts, calls):
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "m"}
    yield {"type": "message_start", "message": message | {"usage": {"input_tokens": 1, "output_tokens": 0}}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for text in texts:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    for index, (name, arguments) in enumerate(calls, 1):
        block = {"type": "tool_use", "id": f"t{index}", "name": name, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": block}
        delta = {"type": "input_json_delta", "partial_json": arguments}
        yield {"type": "content_block_delta", "index": index, "delta": delta}


def _sse(event):
    if isinstance(event, str):
        return f"data: {event}\n\n"
    name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n"
