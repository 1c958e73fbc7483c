"""Anthropic's messages: requests, and streams put together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime_plugins.llm.answer import Answer, Stop, ToolCall, ToolRound, Usage
from mycel_runtime_plugins.llm.failure import Kind, ModelError

if TYPE_CHECKING:
    from mycel_runtime_plugins.llm.question import Item, Question
    from mycel_runtime_plugins.llm.settings import LlmSettings

_STOPS: Final = {
    "end_turn": Stop.DONE,
    "stop_sequence": Stop.DONE,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "tool_use": Stop.TOOLS,
    "refusal": Stop.FILTERED,
}
"""Source: `anthropic.types.StopReason` 2.14; `pause_turn` is of tools that we never offer."""


async def open_stream(client: Any, settings: LlmSettings, question: Question) -> Any:
    """The events of an answer."""
    body: dict[str, Any] = dict(settings.parameters)
    if question.system:
        body["system"] = question.system
    if question.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in question.tools
        ]
    return await client.messages.create(
        model=settings.model,
        max_tokens=settings.answer_tokens,
        messages=[message for item in question.items for message in _messages_of(item)],
        stream=True,
        extra_body=body,
    )


def _messages_of(item: Item) -> list[Any]:
    if not isinstance(item, ToolRound):
        return [item]
    said: list[Any] = [{"type": "text", "text": item.text}] if item.text.strip() else []
    said += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _object(call.arguments)}
        for call in item.calls
    ]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": result}
        for call, result in zip(item.calls, item.results, strict=True)
    ]
    return [{"role": "assistant", "content": said}, {"role": "user", "content": results}]


def _object(arguments: str) -> Any:
    """What the model wrote; of nonsense, of which its result has told it, nothing."""
    try:
        found = json.loads(arguments or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class Collector:
    """Of the events of one answer; what the model thinks is passed over."""

    def __init__(self) -> None:
        self.characters = 0
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._stop: str | None = None
        self._read = self._written = 0

    def add(self, event: dict[str, Any]) -> None:
        """The next event."""
        match event.get("type"):
            case "message_start":
                self._count((event.get("message") or {}).get("usage") or {})
            case "content_block_start":
                self._begin(event.get("index", 0), event.get("content_block") or {})
            case "content_block_delta":
                self._add_delta(event.get("index", 0), event.get("delta") or {})
            case "message_delta":
                self._stop = (event.get("delta") or {}).get("stop_reason") or self._stop
                self._count(event.get("usage") or {})
            case _:
                pass

    def answer(self) -> Answer:
        """As of `endpoint.Collector`."""
        if self._stop is None:
            raise ModelError(Kind.UNAVAILABLE, "the answer was cut: it ends without a stop_reason")
        if (stop := _STOPS.get(self._stop)) is None:
            raise ModelError(Kind.ODD, "it ends with an unknown stop_reason")
        calls = (
            [ToolCall(**self._calls[index]) for index in sorted(self._calls)] if stop is Stop.TOOLS else []
        )
        if stop is Stop.TOOLS and not calls:
            raise ModelError(Kind.ODD, "it wants a tool, and does not say which")
        usage = Usage(read=self._read, written=self._written)
        return Answer(text="".join(self._texts), stop=stop, calls=tuple(calls), usage=usage)

    def _count(self, usage: dict[str, Any]) -> None:
        """The last one counts: each is of the whole answer so far. What comes from a cache is read, too."""
        parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        self._read = sum(usage.get(part) or 0 for part in parts) or self._read
        self._written = usage.get("output_tokens") or self._written

    def _begin(self, index: int, block: dict[str, Any]) -> None:
        if block.get("type") == "tool_use":
            self._calls[index] = {"id": block["id"], "name": block["name"], "arguments": ""}
        elif block.get("type") == "text":
            self._add_text(block.get("text") or "")

    def _add_delta(self, index: int, delta: dict[str, Any]) -> None:
        match delta.get("type"):
            case "text_delta":
                self._add_text(delta.get("text") or "")
            case "input_json_delta" if index in self._calls:
                part = delta.get("partial_json") or ""
                self._calls[index]["arguments"] += part
                self.characters += len(part)

    def _add_text(self, text: str) -> None:
        self._texts.append(text)
        self.characters += len(text)
