"""`mycel-runtime replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.replay.agent import Ago, Choice, Code
    from mycel_runtime.replay.comparison import Difference
    from mycel_runtime.replay.session import Replayed

EXIT_DIFFERS: Final = 1

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

_SHORT_HASH: Final = 12


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | Ago | None:
    """A time of the clock in epoch seconds, or so long ago."""
    from datetime import datetime

    from mycel_runtime.replay.agent import Ago

    if value is None:
        return None
    number, unit = value[:-1], value[-1:]
    try:
        if number.isdecimal() and unit in _UNITS:
            return Ago(int(number) * _UNITS[unit])
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r} is no time; for example 2h, 3d, or 2026-03-01T08:00") from None


@click.command(
    epilog=examples(
        "mycel-runtime replay --config agent.toml --last 100",
        "mycel-runtime replay --code greeter=new/greeter.py --since 2h --show-text",
    )
)
@config_option
@click.option("--handler", help="Turns of this handler only: PLUGIN.FUNCTION.")
@click.option("--chat", "chat_id", help="Turns in this chat only.")
@click.option(
    "--since",
    callback=_moment,
    metavar="TIME",
    help="Turns that have ended since: 2h (ago), or ISO 8601.",
)
@click.option("--until", callback=_moment, metavar="TIME", help="Turns that had ended before.")
@click.option("--last", type=click.IntRange(min=1), help="The newest of those only, so many.")
@click.option(
    "--code", metavar="[NAME=]FILE", help="Code in the place of the plugin's; NAME where there are several."
)
@click.option("--offline", "is_offline", is_flag=True, help="Ask no backend: what was captured is shown.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--show-text", is_flag=True, help="Show what would be said, in words.")
def replay(
    config: Path,
    *,
    handler: str | None,
    chat_id: str | None,
    since: float | Ago | None,
    until: float | Ago | None,
    last: int | None,
    code: str | None,
    is_offline: bool,
    as_json: bool,
    show_text: bool,
) -> int:
    """
    Run logged turns through the code as it is now, and show what it would do otherwise.

    Nothing is sent, and nothing is written. Exit status 0: nothing differs; 1: something does.
    """
    import asyncio

    from mycel_runtime.cli.target import only_target_of
    from mycel_runtime.observe.log_style import LogStyle
    from mycel_runtime.observe.logs import configure_logging
    from mycel_runtime.replay.agent import Choice, load_code

    configure_logging(LogStyle(level="warning"))
    choice = Choice(handler=handler, chat_id=chat_id, since=since, until=until, last=last)
    printer = _Printer(as_json=as_json, show_text=show_text)
    file = only_target_of(config).config
    return asyncio.run(_replay(file, load_code(file, code), choice, printer, is_offline=is_offline))


async def _replay(config: Path, code: Code, choice: Choice, printer: _Printer, *, is_offline: bool) -> int:
    from mycel_runtime.replay.agent import open_replay

    async with open_replay(config, code, choice, is_offline=is_offline) as opened:
        async for each in opened.replay.run(opened.chosen):
            printer.note(each)
    printer.sum_up()
    return EXIT_DIFFERS if printer.counts["differs"] else 0


class _Printer:
    """
    Shows what differs, and counts.

    Attributes:
        counts: By outcome.
    """

    def __init__(self, *, as_json: bool, show_text: bool) -> None:
        self._as_json = as_json
        self._show_text = show_text
        self._skipped: dict[str, int] = {}
        self._captured = 0
        self.counts = {"same": 0, "differs": 0, "skipped": 0}

    def note(self, replayed: Replayed) -> None:
        """One turn."""
        import json

        self.counts[replayed.outcome] += 1
        self._captured += replayed.is_captured
        if replayed.outcome == "skipped":
            self._skipped[replayed.reason] = self._skipped.get(replayed.reason, 0) + 1
        if replayed.outcome == "same":
            return
        if self._as_json:
            click.echo(json.dumps(_row(replayed, show_text=self._show_text)))
        elif replayed.outcome == "differs":
            self._show(replayed)

    def sum_up(self) -> None:
        """The last line."""
        import json

        turns = sum(self.counts.values())
        if self._as_json:
            captured = {"captured": self._captured} if self._captured else {}
            click.echo(json.dumps({"turns": turns} | self.counts | captured))
            return
        for reason, number in sorted(self._skipped.items()):
            click.echo(f"{number} skipped: {reason}")
        if self._captured:
            click.echo(f"{self._captured} of {turns} shown as they were captured")
        click.echo(", ".join([f"{turns} replayed", *(f"{n} {what}" for what, n in self.counts.items())]))

    def _show(self, replayed: Replayed) -> None:
        from mycel_runtime.cli.terminal import visible
        from mycel_runtime.observe.rendering import without_controls

        turn = replayed.turn
        where = f"chat {turn.chat_id}" if turn.chat_id else turn.lane
        click.echo(without_controls(f"turn {turn.turn_id}  {turn.handler}  {where}  {_time(turn.ended_at)}"))
        for difference in replayed.differences:
            click.echo(f"    {without_controls(_line(difference))}")
            texts = {"reply": replayed.texts, "say": replayed.uttered_texts}.get(difference.what)
            if self._show_text and texts is not None and difference.would is not None:
                text = texts[int(difference.which) - 1]
                click.echo("\n".join(f"      | {line}" for line in visible(text).split("\n")))
        if replayed.uncertain:
            click.echo(f"    perhaps only because its store is not known as it was: {_wrote(replayed)}")


def _row(replayed: Replayed, *, show_text: bool) -> dict[str, Any]:
    turn = replayed.turn
    row: dict[str, Any] = {
        "turn": turn.turn_id,
        "handler": turn.handler,
        "chat_id": turn.chat_id,
        "kind": turn.kind,
        "ended_at": turn.ended_at,
        "outcome": replayed.outcome,
        "differences": [difference._asdict() for difference in replayed.differences],
        "uncertain": list(replayed.uncertain),
        "reason": replayed.reason,
    }
    if show_text:
        row |= {"texts": list(replayed.texts), "uttered_texts": list(replayed.uttered_texts)}
    return row


def _line(difference: Difference) -> str:
    name = f"{difference.what} {difference.which}".strip()
    return f"{name}: {_side(difference.done)}, would be {_side(difference.would)}"


def _side(side: dict[str, Any] | None) -> str:
    """For a person."""
    return "none" if side is None else " ".join(_word(key, value) for key, value in side.items())


def _word(key: str, value: Any) -> str:
    match key:
        case "chat_id":
            return f"in chat {value}"
        case "length":
            return f"{value} characters"
        case "hash":
            return f"({value[:_SHORT_HASH]})"
        case "after":
            return f"after {value} s"
        case "at":
            return f"at {_time(value)}"
        case _:
            return key if value is True else str(value)


def _wrote(replayed: Replayed) -> str:
    from mycel_runtime.replay.memory import HOOK

    unlogged = {
        0: "a turn that is not logged any more",
        HOOK: "a hook of its start or stop, which no log tells of",
    }
    return ", ".join(unlogged.get(number, f"turn {number}") for number in replayed.uncertain)


def _time(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
