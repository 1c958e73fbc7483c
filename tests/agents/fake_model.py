"""
A model behind the four interfaces that coding agents ask: OpenAI's completions and responses, Anthropic's, Google's.

What it does follows from the newest line of the user's that has a word, so any number of chats can be served at once:

    word-a1               says "The word is word-a1."
    model-tool word-a1    first calls the agent's shell tool with `touch tool-word-a1.txt`
    model-work word-a1    first has that tool print 170 KB
    model-leave word-a1   as model-tool, and again when the user is told that somebody allows it now
    model-gate word-a1    says half of it, and the rest once `release("word-a1")` was called
    model-429 word-a1     refuses two requests with 429 before it answers
    model-400 word-a1     refuses two requests with 400 before it answers
    model-cut word-a1     cuts the connection in the middle of the first answer
    model-stall word-a1   says half of the first answer, and then nothing for as long as the connection stands

Words like these pass through every agent's prompt as they are. Requests that offer no tools where the agent has some
are for titles and summaries: they are answered, and count for nothing else.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mycel_runtime_plugins.acp.prompt import NOTES
from tests.agents import dialects

WORD: Final = re.compile(r"(?<![\w-])word-[a-z0-9-]*[a-z0-9]")

DIRECTIVE: Final = re.compile(r"model-(tool|work|leave|gate|429|400|cut|stall)\b")

COMMANDS: Final = {"tool": "touch tool-{word}.txt", "work": "seq 1 30000", "leave": "touch tool-{word}.txt"}
"""What the shell is to do, by directive."""

REFUSALS: Final = 2

LEAVE: Final = NOTES["granted"][:40]
"""How a prompt begins that tells the agent to do what it was refused."""

GATE_SECONDS: Final = 300
"""A gate that nobody opens ends the answer."""

RATE_LIMIT: Final = {
    "type": "error",
    "error": {
        "type": "rate_limit_error",
        "code": 429,
        "message": "Slow down.",
        "status": "RESOURCE_EXHAUSTED",
    },
}


BAD_REQUEST: Final = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "code": 400,
        "message": "The vendor does not like this.",
        "status": "INVALID_ARGUMENT",
    },
}


@dataclass(frozen=True)
class Asked:
    """
    A request.

    Attributes:
        word: The newest word that the user has written; empty if there is none.
        directive: What the model is to do for it besides answering.
        number: Which of the turn's requests it is, from 1; 0: it is none of a turn.
        shown: All that the user has written.
        message: The one message of it that has the word.
    """

    path: str
    word: str
    directive: str
    number: int
    shown: str
    message: str = ""


class CutError(Exception):
    """Ends the body without its end: the server closes the connection."""


@dataclass
class FakeModel:
    """The model, and what it was asked. Its methods may be called in any thread."""

    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    """Words for which it has called the agent's shell."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Paths that it was asked for and does not have."""
    _numbers: Counter[str] = field(default_factory=Counter)
    _gates: dict[str, threading.Event] = field(default_factory=dict)
    _has_tools: bool = False

    def release(self, word: str) -> None:
        """Lets the answers for this word be finished, the later ones too."""
        self._gate(word).set()

    def has_begun(self, word: str) -> bool:
        return any(asked.word == word for asked in self.asked)

    def _gate(self, word: str) -> threading.Event:
        return self._gates.setdefault(word, threading.Event())

    async def answer(self, request) -> Response:
        path = request.url.path
        dialect = dialects.of_path(path)
        body = json.loads(await request.body() or b"{}")
        if dialect is None:
            self.unknown[path] += 1
            return JSONResponse({"data": [], "models": []})
        shown = dialect.read(body)
        asked, has_result = self._understand(path, shown)
        self.asked.append(asked)
        is_stream = dialect.is_stream(body, path)
        if asked.directive in {"429", "400"} and 0 < asked.number <= REFUSALS:
            return _refusal(asked.directive)
        command = COMMANDS.get(asked.directive, "").format(word=asked.word)
        call = dialects.shell_call(shown, command, asks=asked.directive == "leave")
        if asked.directive in COMMANDS and call and not has_result:
            self.called.add(asked.word)
            said = dialect.call(*call)
            return _stream(said.events) if is_stream else JSONResponse(said.whole)
        pieces = self._pieces(asked)
        if is_stream:
            return _stream(dialect.stream(pieces))
        return JSONResponse(dialect.whole("".join([piece async for piece in pieces])))

    def _understand(self, path, shown):
        """The request, and whether a tool was called for its word."""
        self._has_tools = self._has_tools or bool(shown.tools)
        everything = "\n".join(shown.messages)
        place = _newest_line(shown.messages)
        if place is None:
            return Asked(path, "", "", 0, everything), False
        number, line = place
        word = WORD.findall(line)[-1]
        directive = (DIRECTIVE.findall(line) or [""])[-1]
        turn = 0
        if shown.tools or not self._has_tools:
            self._numbers[word] += 1
            turn = self._numbers[word]
        asked = Asked(path, word, directive, turn, everything, shown.messages[number])
        return asked, shown.has_result_after(_since(shown.messages, number, directive))

    async def _pieces(self, asked):
        yield "The word "
        if asked.directive == "cut" and asked.number == 1:
            # So that what was said before has left.
            await asyncio.sleep(0.2)
            raise CutError
        if asked.directive == "stall" and asked.number == 1:
            await asyncio.sleep(GATE_SECONDS)
        if asked.directive == "gate" and asked.number:
            await self._wait_at_gate(asked.word)
        yield f"is {asked.word}."

    async def _wait_at_gate(self, word):
        gate = self._gate(word)
        async with asyncio.timeout(GATE_SECONDS):
            while not gate.is_set():  # noqa: ASYNC110 - opened by another thread
                await asyncio.sleep(0.02)


def _newest_line(messages):
    """The last line with a word, and the number of its message."""
    for number, text in reversed(list(enumerate(messages))):
        lines = [line for line in text.splitlines() if WORD.search(line)]
        if lines:
            return number, lines[-1]
    return None


def _refusal(directive):
    if directive == "429":
        return JSONResponse(RATE_LIMIT, 429, {"retry-after": "1"})
    return JSONResponse(BAD_REQUEST, 400)


def _since(messages, number, directive):
    """The message since which a tool is to be called: that with the word, or the one that allows it."""
    told = [at for at, text in enumerate(messages) if directive == "leave" and LEAVE in text]
    return max([number, *told])


def _stream(events):
    return StreamingResponse(_each(events), media_type="text/event-stream")


async def _each(events):
    if isinstance(events, list):
        for data in events:
            yield data
        return
    async for data in events:
        yield data


@contextmanager
def serving():
    """A model on a free port of the loopback."""
    model = FakeModel()
    methods = ["GET", "POST", "HEAD", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", model.answer, methods=methods)])
    config = uvicorn.Config(app, port=0, log_level="critical", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    model.base_url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, name="fake-model")
    thread.start()
    try:
        yield model
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(30)
        socket.close()
