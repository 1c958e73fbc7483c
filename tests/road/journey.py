"""One row from start to end: backend, what stands in between, daemon, ten messages in a few chats."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import time
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.road.authority import make_authority
from tests.road.daemon import Daemon
from tests.road.gateway import Gateway
from tests.road.household import Household
from tests.road.intermediary import Intermediary
from tests.road.row import PLAIN, Result

MESSAGES = 10
TROUBLE_SECONDS = 12.0
"""How long it lasts after the last message where it is mended; a cause is told within ten."""

DOUBT_SECONDS = 6.0
"""After the last answer: in which a second one would come."""

START_SECONDS = 30.0
TROUBLED_START_SECONDS = 4.0
"""For a daemon that need not get ready before the first message."""


def run(row):
    """The `Result` of a row."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="road-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        make_authority(folder)
        backend = stack.enter_context(LocalBackend(BackendOptions(database=folder / "backend.sqlite3")))
        gateway = stack.enter_context(Gateway(backend.port, tls=_tls(folder) if row.has_tls else None))
        if row.behind is not None:
            row.behind(gateway)
        intermediary = Intermediary(folder, gateway.port)
        stack.callback(intermediary.stop)
        intermediary.start(row.program, row.configuration, row.extra)
        with Household(backend.base_url) as household:
            base_url, settings = (
                _filled(text, intermediary, gateway, folder) for text in (row.base_url, row.settings)
            )
            daemon = stack.enter_context(Daemon(folder, base_url, settings, household))
            _converse(row, result, daemon, household, intermediary, gateway)
    return result


def _converse(row, result, daemon, household, intermediary, gateway):
    """Ten messages, the end of the trouble, and all that can be seen from outside."""
    daemon.wait_ready(START_SECONDS if row.ready_share else TROUBLED_START_SECONDS)
    calls, began = sum(gateway.calls.values()), time.monotonic()
    for number in range(MESSAGES):
        household.say(number)
        time.sleep(row.pause)
    if row.is_mended or row.is_hopeless:
        time.sleep(TROUBLE_SECONDS)
        result.causes = daemon.causes()
    if row.is_mended:
        result.wrong += [f"answered before: {said}"] if any(said := household.answers()) else []
        intermediary.stop()
        intermediary.start(row.program, PLAIN[row.program])
    if not row.is_hopeless:
        last = household.wait_answers(row.bound)
        result.seconds = None if last is None else last - began
    result.calls = sum(gateway.calls.values()) - calls
    result.ready = daemon.ready_share(began)
    if row.ready_within is not None and result.seconds is not None:
        answered = time.monotonic()
        if daemon.wait_ready_again(answered, row.ready_within):
            result.ready_after = time.monotonic() - answered
    result.causes |= daemon.causes_by(began + TROUBLE_SECONDS, one_of=row.causes)
    time.sleep(DOUBT_SECONDS)
    _judge(row, result, household)
    result.log = tuple(daemon.lines)


def _judge(row, result, household):
    answers = household.answers()
    asked = household.questions()
    if row.is_hopeless:
        result.wrong += [f"answered: {answers}"] if any(answers) else []
    elif answers != asked:
        result.wrong.append(f"asked {asked}, answered {answers}")
    if result.seconds is None and not row.is_hopeless and answers == asked:
        result.wrong.append(f"not within {row.bound:g} s")
    if row.causes and not result.causes & set(row.causes):
        result.wrong.append(f"cause: {', '.join(sorted(result.causes)) or 'none'} instead of {row.causes}")
    if told := result.causes & set(row.wrong_causes):
        result.wrong.append(f"cause: {', '.join(sorted(told))} is none")
    if row.ready_within is not None and result.ready_after is None:
        result.wrong.append(f"not ready {row.ready_within:g} s after the last answer")
    if result.ready < row.ready_share:
        result.wrong.append(f"ready {result.ready:.0%} of the time instead of {row.ready_share:.0%}")


def _filled(text, intermediary, gateway, folder):
    for name, value in (("port", intermediary.port), ("upstream", gateway.port), ("folder", folder)):
        text = text.replace(f"@{name}@", str(value))
    return text


def _tls(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context
