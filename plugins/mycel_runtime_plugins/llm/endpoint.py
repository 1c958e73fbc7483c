"""Asks a model: one request, streamed and put together, within its time."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from mycel_runtime_plugins.llm import anthropic_messages, chat_completions
from mycel_runtime_plugins.llm.answer import Answer, Stop
from mycel_runtime_plugins.llm.client_library import translating
from mycel_runtime_plugins.llm.failure import Kind, ModelError

if TYPE_CHECKING:
    from mycel_runtime_plugins.llm.question import Question
    from mycel_runtime_plugins.llm.settings import LlmSettings

MOST_CHARACTERS: Final = 400_000
"""Of an answer with the arguments of its tools: who streams more does not end by himself."""

_ALOUD: Final = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)


class Collector(Protocol):
    """Puts the events of a stream together."""

    characters: int

    def add(self, event: dict[str, Any]) -> None:
        """The next event."""

    def answer(self) -> Answer:
        """
        All of them together.

        Raises:
            ModelError: The stream has ended before the answer.
        """


async def ask(client: Any, settings: LlmSettings, question: Question, *, seconds: float) -> Answer:
    """
    A whole answer.

    Args:
        client: As of `open_client`.
        settings: Model, limits and parameters.
        question: What is asked.
        seconds: Until it must be there.

    Raises:
        ModelError: It is none that may be posted or followed.

    Cancelling: closes the stream.
    """
    api = chat_completions if settings.api == "openai" else anthropic_messages
    collector: Collector = api.Collector()
    try:
        with translating():
            async with asyncio.timeout(seconds):
                stream = await api.open_stream(client, settings, question)
                async with stream:
                    async for event in stream:
                        collector.add(event.to_dict(warnings=False))
                        _require_bounded(collector)
    except TimeoutError:
        raise ModelError(Kind.UNAVAILABLE, f"no whole answer within {seconds:.0f} s") from None
    return _checked(collector.answer(), question)


def _require_bounded(collector: Collector) -> None:
    if collector.characters > MOST_CHARACTERS:
        raise ModelError(Kind.ODD, f"more than {MOST_CHARACTERS:,} characters")


def _checked(answer: Answer, question: Question) -> Answer:
    if answer.stop is Stop.FILTERED:
        raise ModelError(Kind.REFUSED, "the model, or its filter, refuses to answer")
    if answer.calls and not question.tools:
        raise ModelError(Kind.ODD, "it wants a tool, and has none")
    spoken = (
        _ALOUD.sub("", answer.text, count=1) if answer.text.lstrip().startswith("<think>") else answer.text
    )
    return Answer(text=spoken, stop=answer.stop, calls=answer.calls, usage=answer.usage)
