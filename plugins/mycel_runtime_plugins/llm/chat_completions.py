"""Chat completions as OpenAI made them and others serve them: requests, and streams put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime_plugins.llm.answer import Answer, Stop, ToolCall, ToolRound, Usage
from mycel_runtime_plugins.llm.failure import Kind, ModelError

if TYPE_CHECKING:
    from mycel_runtime_plugins.llm.question import Item, Question
    from mycel_runtime_plugins.llm.settings import LlmSettings

_STOPS: Final = {
    "stop": Stop.DONE,
    "length": Stop.LENGTH,
    "tool_calls": Stop.TOOLS,
    "function_call": Stop.TOOLS,
    "content_filter": Stop.FILTERED,
}
"""Source: OpenAI's reference of `finish_reason`."""


async def open_stream(client: Any, settings: LlmSettings, question: Question) -> Any:
    """The events of an answer."""
    body: dict[str, Any] = {settings.tokens_key: settings.answer_tokens} | settings.parameters
    if question.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
            }
            for tool in question.tools
        ]
    messages = [{"role": "system", "content": question.system}] if question.system else []
    for item in question.items:
        messages += _messages_of(item)
    return await client.chat.completions.create(
        model=settings.model,
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
        extra_body=body,
    )


def _messages_of(item: Item) -> list[Any]:
    if not isinstance(item, ToolRound):
        return [item]
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in item.calls
    ]
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(item.calls, item.results, strict=True)
    ]
    return [{"role": "assistant", "content": item.text or None, "tool_calls": calls}, *results]


class Collector:
    """Of the chunks of one answer; of several choices the first."""

    def __init__(self) -> None:
        self.characters = 0
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._stop: str | None = None
        self._is_refused = False
        self._usage = Usage()

    def add(self, event: dict[str, Any]) -> None:
        """The next chunk; that of the usage has no choice, or an empty one."""
        if isinstance(usage := event.get("usage"), dict):
            self._usage = Usage(
                read=usage.get("prompt_tokens") or 0, written=usage.get("completion_tokens") or 0
            )
        for choice in event.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._add_delta(choice.get("delta") or {})
                self._stop = choice.get("finish_reason") or self._stop

    def answer(self) -> Answer:
        """As of `endpoint.Collector`."""
        if self._stop is None:
            raise ModelError(Kind.UNAVAILABLE, "the answer was cut: it ends without a finish_reason")
        if (stop := _STOPS.get(self._stop)) is None:
            raise ModelError(Kind.ODD, "it ends with an unknown finish_reason")
        # Some servers say "stop" though the model wants a tool.
        stop = (
            Stop.FILTERED if self._is_refused else Stop.TOOLS if self._calls and stop is Stop.DONE else stop
        )
        calls = (
            [ToolCall(**self._calls[index]) for index in sorted(self._calls)] if stop is Stop.TOOLS else []
        )
        if stop is Stop.TOOLS and not calls:
            raise ModelError(Kind.ODD, "it wants a tool, and does not say which")
        return Answer(text="".join(self._texts), stop=stop, calls=tuple(calls), usage=self._usage)

    def _add_delta(self, delta: dict[str, Any]) -> None:
        if text := delta.get("content"):
            self._texts.append(text)
            self.characters += len(text)
        self._is_refused = self._is_refused or bool(delta.get("refusal"))
        for part in delta.get("tool_calls") or ():
            index = part.get("index", len(self._calls))
            call = self._calls.setdefault(index, {"id": f"call_{index}", "name": "", "arguments": ""})
            function = part.get("function") or {}
            call["id"] = part.get("id") or call["id"]
            call["name"] = function.get("name") or call["name"]
            call["arguments"] += function.get("arguments") or ""
            self.characters += len(function.get("arguments") or "")
