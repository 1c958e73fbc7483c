"""`mycel-runtime init`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import new_config_option
from mycel_runtime.cli.owner_options import owner_options, owner_wishes

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.setup.initialization import Initialized
    from mycel_runtime.setup.person import Person

MESSAGE = "Hello, is anybody there?"


@click.command(
    epilog=examples(
        "mycel-runtime init",
        "mycel-runtime init --backend local --plugin acp --set agent=claude",
        "mycel-runtime init --backend https://mycel.nextmind.space --login ada@example.org --plugin greeter.py",
        "mycel-runtime init --config /etc/mycel-runtime/codex-a.toml --backend https://mycel.nextmind.space --guest",
    )
)
@new_config_option
@click.option("--backend", metavar="local|ADDRESS", help="A Mycel in the agent's own process, or an address.")
@owner_options
@click.option(
    "--plugin", metavar="NAME|FILE.py", help="What answers: an installed plugin, or a file beside --config."
)
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Of the plugin's table; may be repeated."
)
@click.option("--name", help="Of the agent.  [default: the plugin's, if no agent here has it]")
@click.option("--user-id", help="Of the agent on the backend.  [default: the name, if it is free]")
@click.option("--message", default=MESSAGE, show_default=True, help="Said to the new agent.")
@click.option(
    "--wait",
    "wait_seconds",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=1, max=86_400),
    help="Seconds for its answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def init(
    ctx: click.Context,
    /,
    config: Path,
    message: str,
    wait_seconds: float,
    *,
    as_json: bool,
    code_file: Path | None,
    **wished: Any,
) -> None:
    """
    From nothing to an agent that has answered.

    Asks, on a terminal, for what no option says; then writes --config, and on a backend that has an address makes the
    agent and keeps its token beside it, mode 0600. At the end the agent is started, told a message, and stopped
    again. Once more it does nothing anew: it finds what is there, and shows that the agent answers.

    In /etc/mycel-runtime, and in agents below it, it is for a systemd unit to start the agent, in a sandbox and not
    as root: what comes next is told instead. Once the unit runs, the agent is told the message there.

    Exit code 75 if the agent does not hear or answer in time, 77 if a password or a token is refused, 78 if a file or
    the plugin cannot be used; if it ends by itself, its own.
    """
    from mycel_runtime.cli.asking import whoever_runs_this
    from mycel_runtime.setup.initialization import initialize
    from mycel_runtime.setup.interrupts import ending_alike
    from mycel_runtime.setup.trial import AgentEndedError
    from mycel_runtime.setup.unit_place import is_left_to_unit

    person = whoever_runs_this(code_file)
    with ending_alike():
        try:
            done = initialize(config, _wishes(**wished), person)
            is_tried = not is_left_to_unit(config, done.settings)
            answer = _converse(config, done, message, wait_seconds, person) if is_tried else None
        except (KeyboardInterrupt, click.Abort):
            person.tell(f"\nEnded. {_what_stands(config)}")
            raise
        except AgentEndedError as exc:
            person.tell(f"error: the agent has ended by itself ({exc}); it has said:\n{exc.said}")
            person.tell(_what_stands(config))
            ctx.exit(exc.exit_code or 70)
    if as_json:
        _show_json(config, done, message if is_tried and done.hears_messages else None, answer)
        return
    if is_tried:
        _show_conversation(done, message, answer)
    _show_next(config, done)


def _wishes(
    *, plugin: str | None, assignments: tuple[str, ...], name: str | None, user_id: str | None, **owner: Any
) -> Any:
    from dataclasses import replace

    from mycel_runtime.setup.assignments import parse_assignments
    from mycel_runtime.setup.questions import name_of, user_id_of

    if assignments and plugin is None:
        raise click.UsageError("--set: of which plugin? Name it with --plugin")
    return replace(
        owner_wishes(**owner),
        plugin=plugin,
        table=parse_assignments(assignments),
        name=None if name is None else name_of(name),
        user_id=None if user_id is None else user_id_of(user_id),
    )


def _converse(config: Path, done: Initialized, message: str, seconds: float, person: Person) -> str | None:
    """What the agent answers; `None` of one that hears no messages: then it only has to hear."""
    from mycel_runtime.cli.conversation import open_conversation, require_sayable
    from mycel_runtime.cli.progress import waiting_for
    from mycel_runtime.daemon.state_dir import find_state_dir
    from mycel_runtime.errors import UnavailableError
    from mycel_runtime.setup.trial import agent_at_work, answer_within

    require_sayable(message)
    with agent_at_work(config, find_state_dir(done.settings, config)) as trial:
        with waiting_for("Starting the agent"):
            trial.wait_ready()
        if not done.hears_messages:
            return None
        conversation = open_conversation(config, None, None)
        sent = conversation.say(message)
        with waiting_for("Waiting for its answer"):
            answer = answer_within(
                seconds, trial, lambda wait: next(conversation.heard_after(sent["seq"], seconds=wait), None)
            )
        if answer is None:
            person.tell(trial.said)
            raise UnavailableError(
                f"the agent hears, and has not answered within {seconds:g} seconds",
                fix=f"Look at: mycel-runtime dead list --config {config}; then run init again, or --wait longer.",
            )
        return answer["content"]


def _what_stands(config: Path) -> str:
    if config.exists():
        return f"{config} is there and whole: mycel-runtime init shows whether the agent answers."
    return f"{config} was not written; mycel-runtime init begins again."


def _show_json(config: Path, done: Initialized, said: str | None, answer: str | None) -> None:
    import json

    agent = done.settings.agent
    shown = {
        "config": str(config),
        "is_new": done.is_new,
        "name": agent.name,
        "base_url": agent.base_url,
        "user_id": agent.user_id,
        "token_file": agent.token_file and str(agent.token_file),
        "plugins": list(done.settings.plugins),
        "said": said,
        "answer": answer,
    }
    click.echo(json.dumps(shown, ensure_ascii=False))


def _show_conversation(done: Initialized, message: str, answer: str | None) -> None:
    from mycel_runtime.cli.terminal import show

    name = done.settings.agent.name
    if answer is None:
        click.echo(f"{name} hears; its plugin answers no messages.")
        return
    click.echo(f"you> {message}")
    show(f"{name}> {answer}")


def _show_next(config: Path, done: Initialized) -> None:
    from mycel_runtime.cli.next_steps import next_steps

    click.echo("\n".join(next_steps(config, done.settings.agent.name)))
