"""What of a chat a model is shown: up to what its run was shown, who says what, and how it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime import PromptMessage, messages_for_llm
from mycel_runtime_plugins.llm.parts import without_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime import Message, MessageContext
    from mycel_runtime_plugins.llm.settings import LlmSettings

_PAGE: Final = 200
"""Messages that a backend shows at once."""

_GO_ON: Final = (
    "[A remark of the program that runs you, and of no person: your last answer above was interrupted before its "
    "end. Answer what came since, and write the rest of it from where it stops, unless that does not matter now.]"
)


async def read_past(ctx: MessageContext, *, through: int, most: int) -> list[Message]:
    """
    The newest messages of the chat, oldest first.

    Args:
        ctx: Of the run.
        through: The newest one that may be shown: what came since is the next run's.
        most: As many.

    Raises:
        ApiError: As of `ctx.history`.
    """
    past: list[Message] = []
    before: int | None = through + 1
    while len(past) < most:
        page = await ctx.history(min(_PAGE, most - len(past)), before=before)
        if not page:
            break
        past = page + past
        before = page[0].seq
    return past


def prompt_of(
    past: Sequence[Message], *, me: str, settings: LlmSettings, is_unfinished: bool
) -> list[PromptMessage]:
    """
    The chat as a model takes it.

    Args:
        past: Oldest first.
        me: The agent.
        settings: Which notices are none of the model's words, and whether roles must take turns.
        is_unfinished: Its last answer was cut by a kill, or by somebody who spoke: it is to go on.
    """
    notices = {text for text in settings.texts.model_dump().values() if text}
    shown = [each for each in past if not (each.sender.id == me and each.content in notices)]
    prompt = messages_for_llm(shown, me=me, notifications="quote", merge=settings.take_turns)
    for message in prompt:
        if message["role"] == "assistant":
            message["content"] = without_mark(message["content"])
    if is_unfinished:
        prompt.append(PromptMessage(role="user", content=_GO_ON))
    return prompt
