"""What a look for answers makes due is claimed at once: later there may be nobody who wakes the dispatcher."""

from __future__ import annotations

from mycel_runtime import AnswerContext, MessageContext, Plugin

plugin = Plugin("booking")


@plugin.on_message(pattern="book")
async def ask_back(ctx: MessageContext) -> None:
    await ctx.ask(ctx.chat_id, "When?", name="when", timeout=3600)


@plugin.on_answer("when")
async def confirm(ctx: AnswerContext) -> None:
    await ctx.reply(f"{ctx.answer.content} it is." if ctx.answer else "No tea then.")


async def test_a_look_for_answers_is_followed_by_a_claim(mycel, monkeypatch):
    ada = await mycel.human()
    agent = await mycel.agent(plugin)
    seen = []

    def noted(verb):
        does = getattr(agent._journal, verb)

        def noting(*args, **kwargs):
            seen.append(verb)
            return does(*args, **kwargs)

        monkeypatch.setattr(agent._journal, verb, noting)

    noted("look_for_answers")
    noted("claim")
    await ada.says("book tea")
    await ada.hears("When?")
    await ada.says("five")
    await ada.hears("five it is.")

    looks = [place for place, verb in enumerate(seen) if verb == "look_for_answers"]
    assert looks
    assert all("claim" in seen[place:] for place in looks)
