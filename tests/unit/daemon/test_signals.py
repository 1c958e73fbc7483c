"""A signal asks for the end once, whatever a plugin's run has done to signals before."""

from __future__ import annotations

import asyncio
import signal

import pytest

from mycel_runtime.daemon.signals import StopRequest, signals_as
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin import process_state

CHANGES = {
    "nothing": lambda: None,
    "the handler": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "the loop's handler": lambda: asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print),
    "no handler on the loop": lambda: asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM),
    "the loop's pipe": lambda: signal.set_wakeup_fd(-1),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_a_plugin_does_to_signals_is_put_back(monkeypatch, capsys, change):
    monkeypatch.setattr(process_state, "_current", process_state.ProcessState(Silent()))
    stop = StopRequest()
    with signals_as(stop):
        with process_state.entrusted_to("p"):
            CHANGES[change]()
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await stop.wait_asked()
        await asyncio.sleep(0)
        assert stop.reason == "SIGTERM"
        assert not stop._insisted.is_set()

        signal.raise_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            await stop.wait_insisted()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert capsys.readouterr().out == ""


async def test_the_loop_is_not_asked_again_after_each_run(monkeypatch):
    """It would look through all signals of the system each time."""
    monkeypatch.setattr(process_state, "_current", process_state.ProcessState(Silent()))
    asked = []
    with signals_as(StopRequest()):
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", asked.append)
        with process_state.entrusted_to("p"):
            pass
    assert asked == []


def test_what_was_never_told_is_taken_back_in_silence():
    """An agent that fails before it is at work takes it back all the same, and its own error is what counts."""
    stop, told = StopRequest(), []
    stop.tell_no_more(told.append)
    stop.tell(lambda: told.append("asked"))
    stop.ask("SIGTERM")

    assert told == ["asked"]
