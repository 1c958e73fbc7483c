"""Somebody becomes the owner on a backend: who is known already, or by logging in, registering, or as a guest."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ArgumentError, IdentityRefusedError, LoginRefusedError
from mycel_runtime.setup.interrupts import held_back
from mycel_runtime.setup.owner_store import read_owner, set_guest_aside, write_owner
from mycel_runtime.setup.person import ask_for
from mycel_runtime.setup.questions import code_question, owner_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.setup.accounts import Accounts
    from mycel_runtime.setup.owner import Owner
    from mycel_runtime.setup.person import Person
    from mycel_runtime.setup.questions import Wishes

_TRIES: Final = 3
"""Of a password or a one-time code, by a person."""

GUEST_NAME: Final = "owner"


def sign_in(wishes: Wishes, accounts: Accounts, person: Person) -> Owner | None:
    """
    The owner; `None`: a guest, who is still to be made by `make_guest`.

    Who is known already, and whose token is good, need not say anything again. Otherwise the token is kept below the
    XDG config home, mode 0600, once there is one.

    Args:
        wishes: `way`, `identifier`, `password`, `invite`.
        accounts: The backend.
        person: Asked for what is missing.

    Raises:
        IdentityRefusedError: Password or token are refused.
        ArgumentError: What is missing is not said, or an invite or a code is refused.
        ConfigError, UnavailableError, TransportError: As of `Accounts`.
    """
    known = read_owner(accounts.base_url)
    if known is not None and _is_meant(known, wishes):
        if _is_good(known, accounts):
            person.tell(f"Owner: {known.name} at {known.base_url} ({known.term(time.time())})")
            return known
        person.tell(f"The login of {known.name} at {known.base_url} has ended.")
        wishes = _renewing(known, wishes)
    while (question := owner_question(wishes)) is not None:
        wishes = ask_for(person, wishes, question)
    if wishes.way == "guest":
        accounts.require_backend()
        return None
    owner = (
        _log_in(wishes, accounts, person) if wishes.way == "login" else _register(wishes, accounts, person)
    )
    return _kept(owner, person)


def make_guest(accounts: Accounts, person: Person, name: str = GUEST_NAME) -> Owner:
    """
    A new guest, kept; raises as `Accounts.make_guest`. Signals are held back meanwhile: nobody gets his token again.

    Args:
        accounts: The backend.
        person: Told.
        name: As others see it.
    """
    with held_back(person.tell):
        return _kept(accounts.make_guest(name), person)


def _kept(owner: Owner, person: Person) -> Owner:
    if (former := set_guest_aside(owner)) is not None:
        person.tell(
            f"The guest who owned agents there cannot come back by himself; his token is kept in {former}"
        )
    path = write_owner(owner)
    person.tell(f"Owner: {owner.name} at {owner.base_url} ({owner.term(time.time())}), kept in {path}")
    return owner


def _is_meant(known: Owner, wishes: Wishes) -> bool:
    if wishes.way is None:
        return True
    if wishes.way == "guest":
        return known.identifier is None
    return wishes.way == "login" and wishes.identifier in {None, known.identifier}


def _is_good(known: Owner, accounts: Accounts) -> bool:
    if known.is_expired(time.time()):
        return False
    try:
        accounts.whose(known.token, fix="")
    except IdentityRefusedError:
        return False
    return True


def _renewing(known: Owner, wishes: Wishes) -> Wishes:
    """He logs in again as who he was; a guest cannot."""
    if known.identifier is None:
        return wishes
    return replace(wishes, way="login", identifier=known.identifier)


def _log_in(wishes: Wishes, accounts: Accounts, person: Person) -> Owner:
    for left in reversed(range(_TRIES)):
        assert wishes.identifier is not None
        assert wishes.password is not None
        try:
            return accounts.log_in(wishes.identifier, wishes.password)
        except LoginRefusedError as exc:
            if not (person.is_there and left):
                raise
            person.tell(str(exc))
        wishes = replace(wishes, password=None)
        while (question := owner_question(wishes)) is not None:
            wishes = ask_for(person, wishes, question)
    raise AssertionError("the last try returns or raises")


def _register(wishes: Wishes, accounts: Accounts, person: Person) -> Owner:
    email, password, invite = wishes.identifier, wishes.password, wishes.invite
    assert email is not None
    assert password is not None
    assert invite is not None
    accounts.begin_registration(email, password, invite.strip())
    return _with_code(lambda code: accounts.complete_registration(email, code, invite.strip()), email, person)


def _with_code(complete: Callable[[str], Owner], email: str, person: Person) -> Owner:
    for left in reversed(range(_TRIES)):
        try:
            return complete(person.ask(code_question(email)).strip())
        except ArgumentError as exc:
            if not (person.is_there and left):
                raise
            person.tell(str(exc))
    raise AssertionError("the last try returns or raises")
