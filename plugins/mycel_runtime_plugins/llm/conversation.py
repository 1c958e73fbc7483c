"""One turn with a model: asked, its tools called, asked again, until it has answered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime_plugins.llm.answer import Answer, Stop, ToolRound
from mycel_runtime_plugins.llm.endpoint import ask
from mycel_runtime_plugins.llm.failure import Kind, ModelError
from mycel_runtime_plugins.llm.question import Question
from mycel_runtime_plugins.llm.tools import ToolsError, call_tool, load_tools
from mycel_runtime_plugins.llm.window import estimated_tokens, newest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime import PromptMessage
    from mycel_runtime_plugins.llm.answer import ToolCall
    from mycel_runtime_plugins.llm.question import Item
    from mycel_runtime_plugins.llm.settings import LlmSettings
    from mycel_runtime_plugins.llm.spending import Purse
    from mycel_runtime_plugins.llm.tools import ToolSpec

MARGIN_SECONDS: Final = 5.0
"""Before the run's deadline: to say why there is no answer, rather than to be cut off."""

_MOST_CALLS: Final = 16
"""Of tools in one round."""

_MOST_SYSTEM_CHARACTERS: Final = 1_000_000


class Conversation:
    """
    Of one run.

    Args:
        client: As of `open_client`.
        settings: Of the plugin.
        purse: Told of each request.
        deadline: Of the run, by `time.monotonic()`.
    """

    def __init__(self, client: Any, settings: LlmSettings, purse: Purse, *, deadline: float) -> None:
        self._client, self._settings, self._purse = client, settings, purse
        self._deadline = deadline - MARGIN_SECONDS

    async def answer(self, prompt: Sequence[PromptMessage]) -> Answer:
        """
        What the model says, with its tools or without; if it cannot read all of the prompt, to the half of it.

        Raises:
            ModelError: It has not answered.
        """
        system, tools = await asyncio.to_thread(_read_files, self._settings)
        tokens = self._settings.history_tokens
        question = Question(system=system, items=newest(prompt, tokens), tools=tuple(tools.values()))
        try:
            answer = await self._ask(question)
        except ModelError as exc:
            if exc.kind is not Kind.TOO_LONG:
                raise
            question = Question(system=system, items=newest(prompt, tokens // 2), tools=question.tools)
            answer = await self._ask(question)
        return answer if answer.stop is not Stop.TOOLS else await self._with_tools(answer, question, tools)

    async def _with_tools(self, answer: Answer, question: Question, tools: Mapping[str, ToolSpec]) -> Answer:
        items: list[Item] = list(question.items)
        for _ in range(self._settings.tool_rounds):
            results = [await self._call(call, place, tools) for place, call in enumerate(answer.calls)]
            items.append(ToolRound(text=answer.text, calls=answer.calls, results=tuple(results)))
            answer = await self._ask(Question(system=question.system, items=items, tools=question.tools))
            if answer.stop is not Stop.TOOLS:
                return answer
        raise ModelError(Kind.ODD, f"it still wants tools after {self._settings.tool_rounds} rounds")

    async def _call(self, call: ToolCall, place: int, tools: Mapping[str, ToolSpec]) -> str:
        if place >= _MOST_CALLS:
            return f"error: more than {_MOST_CALLS} calls at once"
        seconds = min(self._settings.tool_timeout, self._left())
        return await call_tool(tools, call, seconds=seconds, characters=self._settings.tool_characters)

    async def _ask(self, question: Question) -> Answer:
        seconds = min(self._settings.timeout, self._left())
        request = self._purse.begin()
        # Of what fails half-way nobody says what it costs.
        answer = await ask(self._client, self._settings, question, seconds=seconds)
        read = answer.usage.read or estimated_tokens(f"{question.system}{question.items}")
        request.cost(read + (answer.usage.written or estimated_tokens(answer.text)))
        return answer

    def _left(self) -> float:
        """Seconds, more than 0."""
        if (left := self._deadline - time.monotonic()) <= 0:
            raise ModelError(Kind.UNAVAILABLE, "the run's time is over")
        return left


def _read_files(settings: LlmSettings) -> tuple[str, Mapping[str, ToolSpec]]:
    """The operator's words, as they are by now, and the tools. Blocking."""
    try:
        system = settings.system
        if settings.system_file is not None:
            system = settings.system_file.read_text(encoding="utf-8")[:_MOST_SYSTEM_CHARACTERS]
        return system.strip(), {} if settings.tools is None else load_tools(settings.tools)
    except (OSError, UnicodeDecodeError) as exc:
        why = f"{settings.system_file} cannot be read ({type(exc).__name__})"
        raise ModelError(Kind.MISCONFIGURED, why) from None
    except ToolsError as exc:
        raise ModelError(Kind.MISCONFIGURED, str(exc)) from None
