"""An external agent and its token, which the backend tells once."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import threading

import pytest

from mycel_runtime.errors import ConfigError, TransportError, UnavailableError
from mycel_runtime.setup.accounts import Accounts
from mycel_runtime.setup.interrupts import held_back
from mycel_runtime.setup.new_agent import IdTakenError, NewAgent, made_agent, make_agent
from mycel_runtime.setup.owned_agents import agents_of
from mycel_runtime.setup.owner_store import add_agent, read_owner
from mycel_runtime.setup.signing_in import make_guest
from tests.integration.setup.conftest import Somebody


@pytest.fixture
def owner(accounts):
    return make_guest(accounts, Somebody())


@pytest.fixture
def wanted(homes):
    return NewAgent(user_id="bot", name="Bot", token_file=homes / "bot.token")


def agents_on(backend):
    return [user["id"] for user in backend.ask("users") if user["type"] == "external"]


def test_a_lost_answer_is_told_and_explained_by_the_next_try(backend, accounts, owner, wanted, homes):
    backend.faults.lose_answer(path=".*/external-users")
    with pytest.raises(UnavailableError, match="nobody knows whether the agent bot was made"):
        make_agent(owner, wanted, accounts, print)
    assert agents_on(backend) == ["bot"]

    with pytest.raises(IdTakenError, match="by an earlier try of this") as taken:
        make_agent(owner, wanted, accounts, print)

    assert taken.value.is_lost
    assert [path.name for path in homes.iterdir()] == ["config"]


def test_another_ones_id_is_no_loss_of_ours(accounts, owner, wanted, homes):
    make_agent(owner, wanted, accounts, print)
    other = NewAgent(user_id="bot", name="Bot", token_file=homes / "other.token")

    with pytest.raises(IdTakenError) as taken:
        make_agent(owner, other, accounts, print)

    assert not taken.value.is_lost
    assert sorted(path.name for path in homes.iterdir()) == ["bot.token", "config"]


def test_nothing_is_made_where_its_token_cannot_be_put(backend, accounts, owner, wanted):
    wanted.token_file.write_text("somebody's")
    with pytest.raises(ConfigError, match="is there already"):
        make_agent(owner, wanted, accounts, print)
    nowhere = NewAgent(user_id="bot", name="Bot", token_file=wanted.token_file.with_name("no") / "t")
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        make_agent(owner, nowhere, accounts, print)

    assert agents_on(backend) == []
    assert wanted.token_file.read_text() == "somebody's"


def test_a_backend_that_was_not_reached_has_made_nothing(backend, owner, wanted, homes):
    backend.stop()

    with pytest.raises(TransportError):
        make_agent(owner, wanted, Accounts(base_url=owner.base_url), print)

    assert [path.name for path in homes.iterdir()] == ["config"]


def test_agents_that_are_made_side_by_side_are_all_remembered(accounts, owner, homes):
    """As by a script that makes ten at once."""
    names = [f"bot-{number}" for number in range(10)]
    agents = [made_agent(owner, name, name, homes / f"{name}.token") for name in names]

    with concurrent.futures.ThreadPoolExecutor(len(agents)) as pool:
        list(pool.map(lambda agent: add_agent(owner, agent), agents))

    assert sorted(agent.user_id for agent in read_owner(accounts.base_url).agents) == names


def test_ctrl_c_waits_for_the_token(backend, accounts, owner, wanted):
    backend.faults.delay(0.3, path=".*/external-users")
    told = []
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        make_agent(owner, wanted, accounts, told.append)

    assert len(told) == 1
    assert wanted.token_file.exists()
    assert [row.user_id for row in agents_of(read_owner(accounts.base_url), accounts)] == ["bot"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_held_signal_is_not_lost_in_an_error(number):
    with pytest.raises(KeyboardInterrupt), held_back(lambda _: None):
        _fail_after(number)


def _fail_after(number):
    signal.raise_signal(number)
    raise UnavailableError("x", fix="y")


def test_a_second_signal_is_obeyed_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back(lambda _: None):
        _insist(done)

    assert done == ["first"]


def _insist(done):
    signal.raise_signal(signal.SIGINT)
    done.append("first")
    signal.raise_signal(signal.SIGINT)
    done.append("second")
