"""
From wishes to an agent's configuration: everything is asked and checked first, and written last.

What is there already is used and left as it is. Until `agent.toml` is in its place, whatever fails or interrupts
takes back what this run has written, but for what cannot be had again: an owner who was made, and an agent's token.
Both are told, and found by the next run.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.network import network_of
from mycel_runtime.errors import ArgumentError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk.network import DEFAULT, Network
from mycel_runtime.settings import Settings, load_settings, read_token
from mycel_runtime.setup import existing
from mycel_runtime.setup.accounts import Accounts
from mycel_runtime.setup.agent_file import AgentFile
from mycel_runtime.setup.interrupts import held_back
from mycel_runtime.setup.new_agent import IdTakenError, NewAgent, made_agent, make_agent, remember_kept
from mycel_runtime.setup.person import ask_for
from mycel_runtime.setup.plugin_check import PluginRefusal, check_plugin
from mycel_runtime.setup.private_file import require_absent, write_file
from mycel_runtime.setup.questions import (
    EMBEDDED,
    backend_question,
    generated_of,
    name_question,
    plugin_question,
    settings_of,
)
from mycel_runtime.setup.signing_in import make_guest, sign_in
from mycel_runtime.setup.surroundings import network_around, require_environment, state_of
from mycel_runtime.setup.unit_place import (
    as_credentials,
    as_files,
    kept_for,
    token_file_of,
    unit_folders,
)
from mycel_runtime.units.places import is_for_unit

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.setup.owner import Owner
    from mycel_runtime.setup.person import Person
    from mycel_runtime.setup.questions import Wishes

_MODE: Final = 0o644
"""Of `agent.toml`, which holds no secret."""

_ID_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialized:
    """
    An agent that can be run.

    Attributes:
        settings: Its own, as the file has them.
        is_new: The file was written now.
        hears_messages: One of its plugins does, so that an answer can be waited for.
    """

    settings: Settings
    is_new: bool
    hears_messages: bool


def initialize(config: Path, wishes: Wishes, person: Person) -> Initialized:
    """
    Find an agent, or make one.

    Args:
        config: Where its file is, or is to be.
        wishes: What is known of what is wanted.
        person: Asked for the rest.

    Raises:
        ArgumentError: Something is not said, or contradicts what is there.
        ConfigError: A file cannot be read or written, or a plugin cannot be used.
        IdentityRefusedError: A password or a token is refused.
        UnavailableError, TransportError: The backend is not to be had now.
        KeyboardInterrupt: Somebody has had enough.
    """
    if config.exists():
        return _found(config, wishes, person)
    with unit_folders(config):
        existing.require_folder(config)
        require_environment()
        return _new(config, wishes, person)


def _found(config: Path, wishes: Wishes, person: Person) -> Initialized:
    settings = load_settings(config)
    person.tell(f"{config} is there, and is left as it is.")
    existing.require_agreement(config, settings, wishes)
    if not settings.is_embedded:
        accounts = Accounts(base_url=settings.agent.base_url, network=network_of(settings, config))
        existing.require_agents_token(accounts, read_token(settings), user_id=settings.agent.user_id)
        sign_in(wishes, accounts, person) or make_guest(accounts, person)
    hears = [
        check_plugin(name, as_files(name, table, config), config).hears_messages
        for name, table in settings.plugins.items()
    ]
    return Initialized(settings=settings, is_new=False, hears_messages=any(hears))


def _new(config: Path, wishes: Wishes, person: Person) -> Initialized:
    if (question := backend_question(wishes)) is not None:
        wishes = ask_for(person, wishes, question)
    assert wishes.backend is not None
    accounts = Accounts(base_url=wishes.backend, network=_network(wishes))
    owner = None if wishes.is_embedded else sign_in(wishes, accounts, person)
    with contextlib.ExitStack() as undo:
        wishes, hears_messages = _plugin(config, wishes, person, undo)
        wishes = _name(config, wishes, person)
        file = _file(config, wishes)
        if not wishes.is_embedded:
            file = _with_agent(config, file, wishes, accounts, owner, person)
        require_absent(config)
        with held_back(person.tell):  # From here on what it names stays, too.
            write_file(config, file.text, mode=_MODE)
            undo.pop_all()
    person.tell(f"Written: {config}")
    return Initialized(settings=load_settings(config), is_new=True, hears_messages=hears_messages)


def _network(wishes: Wishes) -> Network:
    assert wishes.backend is not None
    return DEFAULT if wishes.is_embedded else network_around(wishes.backend)


def _plugin(config: Path, wishes: Wishes, person: Person, undo: contextlib.ExitStack) -> tuple[Wishes, bool]:
    """The plugin with all that it needs, and whether it hears messages; a person may choose once more."""
    while True:
        while (question := plugin_question(wishes)) is not None:
            wishes = ask_for(person, wishes, question)
        with contextlib.ExitStack() as attempt:
            wishes = _with_secrets(config, wishes, person, attempt)
            try:
                checked = check_plugin(wishes.table_name, settings_of(wishes), config)
            except PluginRefusal as exc:
                if not person.is_there:
                    raise
                person.tell(str(exc))
            else:
                undo.push(attempt.pop_all())
                return wishes, checked.hears_messages
        wishes = wishes.without_plugin()


def _with_secrets(config: Path, wishes: Wishes, person: Person, undo: contextlib.ExitStack) -> Wishes:
    """What the settings name, in files of their own."""
    for each in generated_of(wishes):
        path = config.with_name(kept_for(config, each.kept_in))
        wishes = replace(wishes, table={**wishes.table, each.key: path.name})
        if not path.exists():
            _write_secret(path, f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}", undo)
            person.tell(f"Written: {path}, a new key; whoever receives what is signed needs it too")
    for name, text in wishes.secrets.items():
        path = config.with_name(kept_for(config, name))
        table = {key: path.name if value == name else value for key, value in wishes.table.items()}
        wishes = replace(wishes, table=table)
        require_absent(path)
        _write_secret(path, text, undo)
        person.tell(f"Written: {path}")
    return wishes


def _write_secret(path: Path, text: str, undo: contextlib.ExitStack) -> None:
    undo.callback(path.unlink, missing_ok=True)
    write_file(path, text + "\n")


def _name(config: Path, wishes: Wishes, person: Person) -> Wishes:
    """Of an agent that has no state on this machine yet, unless somebody says it; a unit's file says it, too."""
    default = config.stem if is_for_unit(config) else existing.unused_name(wishes.table_name)
    while (question := name_question(wishes, default=default)) is not None:
        wishes = ask_for(person, wishes, question)
    assert wishes.name is not None
    if (kept := state_of(wishes.name)) is not None:
        person.tell(f"An agent {wishes.name} has been here before: it goes on with {kept}")
    return wishes


def _file(config: Path, wishes: Wishes) -> AgentFile:
    assert wishes.name is not None
    return AgentFile(
        name=wishes.name,
        base_url=wishes.backend or EMBEDDED,
        plugin=wishes.table_name,
        table=as_credentials(wishes.table_name, settings_of(wishes), config),
    )


def _with_agent(
    config: Path, file: AgentFile, wishes: Wishes, accounts: Accounts, owner: Owner | None, person: Person
) -> AgentFile:
    """With the agent's identity: that of a token which an earlier run has left, or a new one."""
    named = token_file_of(config, file.name)
    token_file = config.parent / named
    if token_file.exists():
        user = existing.require_kept_token(accounts, token_file, user_id=wishes.user_id)
        person.tell(f"{token_file} is there, that of {user['id']}: it is used")
        owner = owner or make_guest(accounts, person)
        remember_kept(owner, made_agent(owner, user["id"], file.name, token_file), token_file)
        return replace(file, user_id=user["id"], token_file=named)
    owner = owner or make_guest(accounts, person)
    wanted = NewAgent(user_id=wishes.user_id or file.name, name=file.name, token_file=token_file)
    made = _make(owner, wanted, accounts, person, is_chosen=wishes.user_id is not None)
    person.tell(f"Made: the agent {made.user_id}; its token is in {token_file}")
    return replace(file, user_id=made.user_id, token_file=named)


def _make(owner: Owner, wanted: NewAgent, accounts: Accounts, person: Person, *, is_chosen: bool) -> NewAgent:
    """Under its id, or where nobody has chosen that, under one that nobody else has."""
    for left in reversed(range(_ID_TRIES)):
        try:
            make_agent(owner, wanted, accounts, person.tell)
        except IdTakenError as exc:
            if is_chosen or not left:
                raise
            wanted = replace(wanted, user_id=f"{wanted.name}-{secrets.token_hex(3)}")
            person.tell(f"{str(exc).partition(chr(10))[0]}: trying {wanted.user_id}")
        else:
            return wanted
    raise ArgumentError("no id was free", fix="Take one of your own: --user-id ID")
