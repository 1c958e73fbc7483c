"""The four interfaces of models: how each is asked, and what an answer and a call of a tool look like in it."""

from __future__ import annotations

import itertools
import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Final

SHELLS: Final = ("bash", "shell", "exec_command", "run_shell_command", "execute", "local_shell", "terminal")
"""Names, or parts of names, of what runs a command; the first that is offered is called."""

USAGE: Final = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@dataclass(frozen=True)
class Shown:
    """What the model is shown: texts of the user, and where results of tools stand among them."""

    messages: list[str] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    """For each result, how many messages stand before it."""
    tools: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Names, and schemas of their arguments."""

    def has_result_after(self, number: int) -> bool:
        return any(before > number for before in self.results)


@dataclass(frozen=True)
class Said:
    """One answer, as a whole and as a stream's events."""

    whole: Any
    events: list[bytes]


_NUMBERS: Final = itertools.count(1)


def fresh(kind: str) -> str:
    """An id that no other answer has: some agents tell their clients which message a piece of text is of."""
    return f"{kind}_{next(_NUMBERS)}"


class Dialect(ABC):
    """Texts come in pieces, so that a stream can be held up and cut between them."""

    @abstractmethod
    def read(self, body: dict[str, Any]) -> Shown: ...

    @abstractmethod
    def whole(self, text: str) -> Any: ...

    @abstractmethod
    def stream(self, pieces) -> Any:
        """The events of a stream, bytes each."""

    @abstractmethod
    def call(self, name: str, arguments: dict[str, Any]) -> Said: ...

    def is_stream(self, body: dict[str, Any], path: str) -> bool:
        return bool(body.get("stream"))


def event(data: Any, name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def texts(content: Any) -> str:
    """What is written in a content that is a text, or a list of blocks."""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text") or "" for block in content or () if isinstance(block, dict))


class Completions(Dialect):
    """OpenAI's chat completions. Source: POST /v1/chat/completions."""

    def read(self, body):
        shown = Shown()
        for message in body.get("messages", ()):
            if message["role"] == "user":
                shown.messages.append(texts(message.get("content")))
            elif message["role"] == "tool":
                shown.results.append(len(shown.messages))
        for tool in body.get("tools") or ():
            function = tool.get("function", {})
            shown.tools.append((function.get("name", ""), function.get("parameters", {})))
        return shown

    def whole(self, text):
        return self._whole({"role": "assistant", "content": text}, "stop")

    def _whole(self, message, reason):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": USAGE}

    def _envelope(self, kind):
        return {"id": fresh("chatcmpl"), "object": kind, "created": int(time.time()), "model": "fake"}

    def _chunk(self, delta, reason=None):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return event({**self._envelope("chat.completion.chunk"), "choices": [choice]})

    async def stream(self, pieces):
        yield self._chunk({"role": "assistant", "content": ""})
        async for piece in pieces:
            yield self._chunk({"content": piece})
        for last in self._end("stop"):
            yield last

    def _end(self, reason):
        usage = event({**self._envelope("chat.completion.chunk"), "choices": [], "usage": USAGE})
        return [self._chunk({}, reason), usage, b"data: [DONE]\n\n"]

    def call(self, name, arguments):
        function = {"name": name, "arguments": json.dumps(arguments)}
        called = {"id": fresh("call"), "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [called]}
        first = self._chunk({"role": "assistant", "content": None, "tool_calls": [{"index": 0, **called}]})
        return Said(self._whole(message, "tool_calls"), [first, *self._end("tool_calls")])


class Responses(Dialect):
    """OpenAI's responses. Source: POST /v1/responses."""

    def read(self, body):
        shown = Shown()
        given = body.get("input", ())
        for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
            if item.get("role") == "user":
                shown.messages.append(texts(item.get("content")))
            elif str(item.get("type", "")).endswith("_output"):
                shown.results.append(len(shown.messages))
        for tool in body.get("tools") or ():
            shown.tools.append((tool.get("name") or tool.get("type", ""), tool.get("parameters") or {}))
        return shown

    def _response(self, status, output=()):
        details = {
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, **details}
        about = {"id": fresh("resp"), "object": "response", "created_at": int(time.time()), "model": "fake"}
        settings = {"parallel_tool_calls": False, "tool_choice": "auto", "tools": []}
        return {**about, **settings, "status": status, "output": list(output), "usage": usage}

    def _message(self, item_id, text, status="completed"):
        content = [{"type": "output_text", "text": text, "annotations": []}] if text else []
        return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def whole(self, text):
        return self._response("completed", [self._message(fresh("msg"), text)])

    def _event(self, kind, **values):
        return event({"type": f"response.{kind}", **values}, f"response.{kind}")

    async def stream(self, pieces):
        item_id = fresh("msg")
        place = {"item_id": item_id, "output_index": 0, "content_index": 0}
        part = {"type": "output_text", "text": "", "annotations": []}
        yield self._event("created", response=self._response("in_progress"))
        yield self._event("output_item.added", output_index=0, item=self._message(item_id, "", "in_progress"))
        yield self._event("content_part.added", **place, part=part)
        text = ""
        async for piece in pieces:
            text += piece
            yield self._event("output_text.delta", **place, delta=piece)
        yield self._event("output_text.done", **place, text=text)
        message = self._message(item_id, text)
        yield self._event("output_item.done", output_index=0, item=message)
        yield self._event("completed", response=self._response("completed", [message]))

    def call(self, name, arguments):
        written = json.dumps(arguments)
        item_id = fresh("fc")
        item = {"id": item_id, "type": "function_call", "status": "completed", "call_id": fresh("call")}
        item |= {"name": name, "arguments": written}
        begun = {**item, "status": "in_progress", "arguments": ""}
        whole = self._response("completed", [item])
        events = [
            self._event("created", response=self._response("in_progress")),
            self._event("output_item.added", output_index=0, item=begun),
            self._event("function_call_arguments.delta", item_id=item_id, output_index=0, delta=written),
            self._event("function_call_arguments.done", item_id=item_id, output_index=0, arguments=written),
            self._event("output_item.done", output_index=0, item=item),
            self._event("completed", response=whole),
        ]
        return Said(whole, events)


class Messages(Dialect):
    """Anthropic's messages. Source: POST /v1/messages."""

    def read(self, body):
        shown = Shown()
        for message in body.get("messages", ()):
            if message["role"] != "user":
                continue
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            if any(block["type"] == "tool_result" for block in blocks):
                shown.results.append(len(shown.messages))
            shown.messages.append(texts([block for block in blocks if block["type"] == "text"]))
        for tool in body.get("tools") or ():
            shown.tools.append((tool.get("name", ""), tool.get("input_schema", {})))
        return shown

    def _message(self, content, reason):
        usage = {"input_tokens": 10, "output_tokens": 5}
        about = {
            "id": fresh("msg"),
            "type": "message",
            "role": "assistant",
            "model": "fake",
            "stop_sequence": None,
        }
        return {**about, "content": content, "stop_reason": reason, "usage": usage}

    def whole(self, text):
        return self._message([{"type": "text", "text": text}], "end_turn")

    def _event(self, kind, **values):
        return event({"type": kind, **values}, kind)

    async def stream(self, pieces):
        yield self._event("message_start", message=self._message([], None))
        yield self._event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        async for piece in pieces:
            yield self._event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        for last in self._end("end_turn"):
            yield last

    def _end(self, reason):
        delta = {"stop_reason": reason, "stop_sequence": None}
        return [
            self._event("content_block_stop", index=0),
            self._event("message_delta", delta=delta, usage={"output_tokens": 5}),
            self._event("message_stop"),
        ]

    def call(self, name, arguments):
        block = {"type": "tool_use", "id": fresh("toolu"), "name": name}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        events = [
            self._event("message_start", message=self._message([], None)),
            self._event("content_block_start", index=0, content_block={**block, "input": {}}),
            self._event("content_block_delta", index=0, delta=delta),
            *self._end("tool_use"),
        ]
        return Said(self._message([{**block, "input": arguments}], "tool_use"), events)


class GenerateContent(Dialect):
    """Google's. Source: POST /v1beta/models/MODEL:generateContent, and :streamGenerateContent."""

    def is_stream(self, body, path):
        return path.endswith(":streamGenerateContent")

    def read(self, body):
        shown = Shown()
        for content in body.get("contents", ()):
            if content.get("role", "user") != "user":
                continue
            if any("functionResponse" in part for part in content["parts"]):
                shown.results.append(len(shown.messages))
            shown.messages.append(texts(content["parts"]))
        for tool in body.get("tools") or ():
            for function in tool.get("functionDeclarations", ()):
                schema = function.get("parametersJsonSchema") or function.get("parameters") or {}
                shown.tools.append((function["name"], schema))
        return shown

    def _content(self, parts, reason=None):
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        ending = {"finishReason": reason} if reason else {}
        return {"candidates": [{**candidate, **ending}], "usageMetadata": usage, "modelVersion": "fake"}

    def whole(self, text):
        return self._content([{"text": text}], "STOP")

    async def stream(self, pieces):
        async for piece in pieces:
            yield event(self._content([{"text": piece}]))
        yield event(self._content([{"text": ""}], "STOP"))

    def call(self, name, arguments):
        whole = self._content([{"functionCall": {"name": name, "args": arguments}}], "STOP")
        return Said(whole, [event(whole)])


DIALECTS: Final = {
    "/chat/completions": Completions(),
    "/responses": Responses(),
    "/messages": Messages(),
    ":generateContent": GenerateContent(),
    ":streamGenerateContent": GenerateContent(),
}


def of_path(path: str) -> Dialect | None:
    return next((dialect for ending, dialect in DIALECTS.items() if path.endswith(ending)), None)


ESCALATION: Final = {"sandbox_permissions": "require_escalated", "justification": "May it be done?"}
"""By which a model asks for a person's leave where the sandbox would only refuse; of codex."""


def shell_call(shown: Shown, command: str, *, asks: bool = False) -> tuple[str, dict[str, Any]] | None:
    """
    Name and arguments by which the command is run with what the agent offers; None if it offers no shell.

    Args:
        asks: A person is to be asked, where the model can say so.
    """
    for shell in SHELLS:
        for name, schema in shown.tools:
            if shell in name.lower() and "output" not in name.lower():
                return name, _arguments(schema, command, ESCALATION if asks else {})
    return None


def _arguments(schema, command, more):
    properties = schema.get("properties", {})
    arguments = {key: value for key, value in more.items() if key in properties}
    for key in ("command", "cmd"):
        if key in properties:
            is_list = properties[key].get("type") in {"array", "ARRAY"}
            arguments[key] = ["bash", "-c", command] if is_list else command
            break
    for key in schema.get("required", ()):
        arguments.setdefault(key, _any_value(properties.get(key, {})))
    return arguments


def _any_value(schema):
    kind = str(schema.get("type", "string")).lower()
    return {"boolean": False, "integer": 1, "number": 1}.get(kind, "Make a file")
