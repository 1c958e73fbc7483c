"""What is still to be asked, in which order, and what an answer is taken for. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from mycel_runtime.errors import ArgumentError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings_mistakes import NAME_PATTERN
from mycel_runtime.setup.plugin_choices import CHOICES, questions_of
from mycel_runtime.wire.address import AddressError, backend_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.setup.plugin_choices import PluginQuestion

LOCAL: Final = "local"
"""What a person calls a backend in the agent's own process."""

EMBEDDED: Final = "embedded"
"""What the configuration calls it."""

HOSTED: Final = "https://mycel.nextmind.space"
"""Source: contract 1.1."""

OwnerWay: TypeAlias = Literal["guest", "login", "register"]

_WAYS: Final = ("login", "register", "guest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    One thing to be known.

    Attributes:
        key: Of `Wishes`, or `plugin.KEY` of the plugin's table.
        text: What a person is asked.
        option: How a script says it.
        default: Taken without an answer; `None`: there must be one.
        choices: What it may be; empty: anything.
        explained: Lines shown before it.
        is_hidden: Not shown while it is typed.
    """

    key: str
    text: str
    option: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()
    is_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """
    What is known of what somebody wants; `None`: not yet.

    Attributes:
        backend: An address, or `embedded`.
        way: How to become the owner.
        identifier: An e-mail address, or the digits of a mycel id.
        password, invite: Never shown.
        plugin: Of an entry point, or a Python file.
        table: The plugin's settings.
        secrets: Texts of files that the settings name, by the files' names.
        name: The agent's.
        user_id: Its id on the backend.
    """

    backend: str | None = None
    way: OwnerWay | None = None
    identifier: str | None = None
    password: str | None = field(default=None, repr=False)
    invite: str | None = field(default=None, repr=False)
    plugin: str | None = None
    table: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str | None = None
    user_id: str | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether the backend lives in the agent's process."""
        return self.backend == EMBEDDED

    @property
    def has_path(self) -> bool:
        """Whether the plugin is a Python file."""
        return self.plugin is not None and self.plugin.endswith(".py")

    @property
    def table_name(self) -> str:
        """Of `[plugins.NAME]`."""
        assert self.plugin is not None
        return self.plugin.rpartition("/")[2].removesuffix(".py") if self.has_path else self.plugin

    def without_plugin(self) -> Wishes:
        """As if no plugin had been chosen."""
        return replace(self, plugin=None, table={}, secrets={})


def backend_question(wishes: Wishes, *, default: str = LOCAL) -> Question | None:
    """Where the agent is to live."""
    if wishes.backend is not None:
        return None
    return Question(
        key="backend",
        text="Backend",
        option="--backend local|ADDRESS",
        default=default,
        explained=("Where is the agent to live? local: a Mycel in its own process; else an address.",),
    )


def owner_question(wishes: Wishes) -> Question | None:
    """Who is to own the agent, on a backend that is reached by an address."""
    if wishes.way is None:
        return Question(
            key="way",
            text="Log in, register, or be a guest",
            option="--login ADDRESS, --register ADDRESS or --guest",
            choices=_WAYS,
            default="login",
            explained=("Who is to own the agent? A guest needs no account, and cannot log in elsewhere.",),
        )
    if wishes.way == "guest":
        return None
    if wishes.identifier is None:
        text = "E-mail address" if wishes.way == "register" else "E-mail address or mycel id"
        return Question(key="identifier", text=text, option=f"--{wishes.way} ADDRESS")
    if wishes.password is None:
        return Question(
            key="password",
            text=f"Password of {wishes.identifier}",
            option="--password-file FILE",
            is_hidden=True,
        )
    if wishes.way == "register" and wishes.invite is None:
        return Question(key="invite", text="Invite code", option="--invite-file FILE", is_hidden=True)
    return None


def code_question(email: str) -> Question:
    """The one-time code of a registration."""
    return Question(
        key="code", text=f"One-time code that came to {email}", option="--code-file FILE", is_hidden=True
    )


def plugin_question(wishes: Wishes) -> Question | None:
    """What is to answer, and what that has to be told."""
    if wishes.plugin is None:
        return Question(
            key="plugin",
            text="Plugin",
            option="--plugin NAME",
            default=CHOICES[0].name,
            explained=(
                "What is to answer?",
                *(f"  {choice.name:<11} {choice.says}" for choice in CHOICES),
                "  FILE.py     handlers of your own",
            ),
        )
    asked = (each for each in questions_of(wishes.plugin) if not each.is_generated)
    return next((_asked(each) for each in asked if each.is_open(wishes.table)), None)


def name_question(wishes: Wishes, *, default: str) -> Question | None:
    """What the agent is called."""
    if wishes.name is not None:
        return None
    return Question(key="name", text="Name of the agent", option="--name NAME", default=default)


def answered(wishes: Wishes, question: Question, answer: str) -> Wishes:
    """
    What is known with this answer.

    Raises:
        ArgumentError: It is none; says what one is.
    """
    answer = answer if question.is_hidden else answer.strip()
    if question.choices and answer not in question.choices:
        raise ArgumentError(
            f"{question.text}: {answer!r} is none of the choices",
            fix=f"One of: {', '.join(filter(None, question.choices))}.",
        )
    if question.key.startswith("plugin."):
        return _with_setting(wishes, question.key.partition(".")[2], answer)
    if not answer and question.default != "":
        raise ArgumentError(f"{question.text}: nothing was said", fix=f"Say it, or give {question.option}.")
    field_: dict[str, Any] = {question.key: _READERS.get(question.key, str)(answer)}
    return replace(wishes, **field_)


def _asked(each: PluginQuestion) -> Question:
    option = f"--set {each.key}=VALUE"
    return Question(
        key=f"plugin.{each.key}",
        text=each.text,
        option=option,
        default=each.default,
        choices=each.choices,
        is_hidden=bool(each.kept_in),
    )


def _with_setting(wishes: Wishes, key: str, answer: str) -> Wishes:
    """An empty answer is remembered as such, so that it is not asked for again; `settings_of` leaves it out."""
    assert wishes.plugin is not None
    asked = next(each for each in questions_of(wishes.plugin) if each.key == key)
    if not answer and asked.default != "":
        raise ArgumentError(f"{asked.text}: nothing was said", fix=f"Say it, or give --set {key}=VALUE.")
    if answer and asked.kept_in:
        return replace(
            wishes,
            table={**wishes.table, key: asked.kept_in},
            secrets={**wishes.secrets, asked.kept_in: answer},
        )
    value = _words(asked.text, answer) if asked.is_words else answer
    return replace(wishes, table={**wishes.table, key: value})


def settings_of(wishes: Wishes) -> dict[str, Any]:
    """The plugin's table, as it is written."""
    table = {key: value for key, value in wishes.table.items() if value != ""}
    return {"path": wishes.plugin, **table} if wishes.has_path else table


def generated_of(wishes: Wishes) -> tuple[PluginQuestion, ...]:
    """Secrets that are to be made for the plugin."""
    assert wishes.plugin is not None
    return tuple(
        each for each in questions_of(wishes.plugin) if each.is_generated and each.is_open(wishes.table)
    )


def _words(text: str, answer: str) -> list[str]:
    try:
        return shlex.split(answer)
    except ValueError as exc:
        raise ArgumentError(f"{text}: {exc}", fix="Quote it as for a shell.") from exc


def backend_of(answer: str) -> str:
    """
    The address that somebody means, or `embedded`.

    Raises:
        ArgumentError: It is none.
    """
    if answer.strip().lower() in {LOCAL, EMBEDDED}:
        return EMBEDDED
    try:
        return backend_address(answer)
    except AddressError as exc:
        raise ArgumentError(f"the backend's address {exc.problem}", fix=exc.fix) from exc


def name_of(answer: str) -> str:
    """
    An agent's name.

    Raises:
        ArgumentError: It cannot be one.
    """
    if not re.fullmatch(NAME_PATTERN, answer):
        raise ArgumentError(
            f"{answer!r} is no name for an agent",
            fix="Use letters, digits, '.', '_' and '-', beginning with a letter or a digit, 64 at most.",
        )
    return answer


def user_id_of(answer: str) -> str:
    """
    An agent's id on the backend: of characters that no list, path or relationship of the backend trips over.

    Raises:
        ArgumentError: It has others.

    Source: contract 1.6.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", answer):
        raise ArgumentError(f"{answer!r} is no id for an agent", fix="Use letters, digits, '.', '_' and '-'.")
    return answer


_READERS: Final = {"backend": backend_of, "name": name_of}
