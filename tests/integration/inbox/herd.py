"""
A herd: a thousand runtimes lose their server at once; how many come back in one second?

    python -m tests.integration.inbox.herd TRIALS

Prints, for each kind of end and each length of an outage, the worst second of all trials and the mean wait after the
server is back.
"""

from __future__ import annotations

import random
import sys

from mycel_runtime.errors import ConnectionClosed, HandshakeError, NotSentError
from mycel_runtime.sdk.reconnect_backoff import ReconnectBackoff

RUNTIMES = 1000
STABLE_SECONDS = 3600.0
OUTAGES = (0, 2, 5, 10, 20, 30, 45, 60, 120, 300)


def _refused():
    error = NotSentError("connection refused")
    error.__cause__ = ConnectionRefusedError()
    return error


DROP = ConnectionClosed(1006)
REFUSED = _refused()
BAD_GATEWAY = HandshakeError(502, "")
HERDS = {
    "drop, then refused": (DROP, REFUSED),
    "drop, then 502": (DROP, BAD_GATEWAY),
    "drop, then 503 Retry-After 30": (DROP, HandshakeError(503, "", retry_after_seconds=30.0)),
    "drop, then no network": (DROP, NotSentError("no route")),
    "1012, then refused": (ConnectionClosed(1012), REFUSED),
    "1012, then 502": (ConnectionClosed(1012), BAD_GATEWAY),
    "1013, again and again": (ConnectionClosed(1013), ConnectionClosed(1013)),
}


def comeback(first, then, outage, dice):
    """Seconds after the outage at which a runtime comes back whose tries meanwhile end with `then`."""
    backoff, now = ReconnectBackoff(base=1.0, cap=60.0, stable_after=60.0), 0.0
    backoff.note(first, lasted=STABLE_SECONDS)
    now += backoff.delay(dice.random())
    while now < outage:
        backoff.note(then, lasted=0.0)
        now += backoff.delay(dice.random())
    return now - outage


def fullest_second(comebacks):
    """How many come back within some one second, wherever it begins."""
    times, first, most = sorted(comebacks), 0, 0
    for last, time in enumerate(times):
        while time - times[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def attempts(end, seconds, dice):
    """How often a server is tried that ends every connection at once like this."""
    backoff, now, tries = ReconnectBackoff(base=1.0, cap=60.0, stable_after=60.0), 0.0, 0
    while now < seconds:
        tries += 1
        backoff.note(end, lasted=0.0)
        now += backoff.delay(dice.random())
    return tries


def _table(trials):
    print(
        f"{RUNTIMES} runtimes, worst of {trials} trials: most in one second / mean wait after the outage, s"
    )
    print(f"{'outage, s':30}" + "".join(f"{outage:>12}" for outage in OUTAGES))
    for name, (first, then) in HERDS.items():
        cells = []
        for outage in OUTAGES:
            herds = [
                [
                    comeback(first, then, outage, random.Random(f"{name} {outage} {trial} {n}"))
                    for n in range(RUNTIMES)
                ]
                for trial in range(trials)
            ]
            mean = sum(map(sum, herds)) / (RUNTIMES * trials)
            cells.append(f"{max(map(fullest_second, herds))} / {mean:.1f}")
        print(f"{name:30}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    _table(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
