"""A client at the pace of a limiter: nobody storms it, and nobody wastes what it gives."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading

import pytest

from mycel_runtime.errors import RateLimitedError, ServerError, TransportError
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.pace import OUTAGE_SECONDS, Worth
from mycel_runtime.sdk.turnstile import TOLD_SECONDS, AsyncTurnstile, Turnstile
from tests.unit.sdk import virtual_time

READ = calls.list_messages("c")
LOOK = calls.list_chats()
SEND = calls.send_message("c", "hi")
WRITE = calls.add_member("c", "u")
DRAIN = calls.drain_notifications()
PAGE = b"<html>503</html>"


class Listener:
    def __init__(self):
        self.told = []

    def tell(self, fact):
        self.told.append(fact)

    def names(self):
        return [fact.name for fact in self.told]


class Limiter:
    """
    A bucket that holds one request and the burst.

    Args:
        refusal: Makes the error of a request that is refused.
    """

    def __init__(self, rate, burst=0, *, refusal=lambda: RateLimitedError(429, "slowly")):
        self._rate, self._full, self._refusal = rate, 1.0 + burst, refusal
        self._tokens, self._at = self._full, 0.0
        self._dice = random.Random(7)
        self.passed = self.refused = 0

    async def answer(self, _call):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.004 * (0.5 + self._dice.random()))
        self._tokens = min(self._full, self._tokens + (loop.time() - self._at) * self._rate)
        self._at = loop.time()
        if self._tokens < 1.0 - 1e-9:
            self.refused += 1
            raise self._refusal()
        self._tokens -= 1.0
        self.passed += 1
        return [self.passed]


def turnstile(patience=120.0, observer=None):
    clock = asyncio.get_running_loop().time
    return AsyncTurnstile(patience=patience, observer=observer or Listener(), clock=clock)


async def call(gate, once, which):
    """As the client does."""
    if gate.pace.is_limited:
        return await gate.at_pace(which, once)
    try:
        return await once(which)
    except (RateLimitedError, ServerError) as exc:
        if gate.must_wait(which, exc):
            return await gate.at_pace(which, once)
        raise


@pytest.mark.parametrize("asked", [None, 1.0])
@pytest.mark.parametrize("burst", [0, 10])
@pytest.mark.parametrize("rate", [1, 2, 5, 10, 20, 50])
def test_as_many_calls_as_the_limit_allows_go_through_and_few_are_refused(rate, burst, asked):
    """Six lanes at once, which know nothing of the limit before."""
    limiter = Limiter(rate, burst, refusal=lambda: RateLimitedError(429, "slowly", retry_after_seconds=asked))
    needed = 60

    async def converse():
        gate, loop = turnstile(), asyncio.get_running_loop()

        async def lane():
            while limiter.passed < needed:
                await call(gate, limiter.answer, READ)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(6):
                tasks.create_task(lane())
        return loop.time()

    seconds = virtual_time.run(converse())
    assert seconds <= 1.8 * ((needed - burst) / rate + (asked or 0)) + (asked or 0)
    assert limiter.refused <= (limiter.passed + limiter.refused) / 3


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("asked", "lasts"), [(7.0, 5.0), (7.0, 20.0), (2.0, 5.0), (30.0, 20.0)])
def test_after_a_maintenance_all_calls_are_made_within_seconds_of_the_time_that_was_told(
    asked, lasts, status
):
    """Five lanes of ten calls each, begun while it lasts."""
    told = [0.0]

    async def answer(_call):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.01)
        if loop.time() < lasts:
            told[0] = loop.time() + asked
            error = RateLimitedError if status == 429 else ServerError
            raise error(status, "later", PAGE, retry_after_seconds=asked)
        return []

    async def converse():
        gate = turnstile()

        async def lane():
            for _ in range(10):
                await call(gate, answer, READ)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(5):
                tasks.create_task(lane())
        return asyncio.get_running_loop().time()

    assert virtual_time.run(converse()) <= told[0] + 3.0


@pytest.mark.parametrize("which", [READ, WRITE, DRAIN, LOOK, calls.mark_read("c")])
def test_what_a_limit_has_refused_was_not_carried_out_and_is_repeated(which):
    async def once():
        limiter = Limiter(1.0)
        gate = turnstile()
        return [await call(gate, limiter.answer, which) for _ in range(3)]

    assert virtual_time.run(once()) == [[1], [2], [3]]


@pytest.mark.parametrize("which", [SEND, calls.read_messages("c")])
@pytest.mark.parametrize("error", [RateLimitedError(429, "x"), ServerError(503, "x", PAGE)])
def test_what_may_have_been_carried_out_for_good_is_not_repeated_and_slows_down_the_rest(error, which):
    """Its author looks whether it was stored or read, and decides: the limiter may sit behind."""

    async def refuse(_call):
        raise error

    async def once():
        gate = turnstile()
        with pytest.raises(type(error)):
            await call(gate, refuse, which)
        return gate.pace.is_limited

    assert virtual_time.run(once())


@pytest.mark.parametrize(("which", "is_repeated"), [(READ, True), (DRAIN, True), (WRITE, False)])
def test_a_503_that_says_nothing_may_be_an_outages_so_that_no_write_is_repeated(which, is_repeated):
    async def once():
        limiter = Limiter(1.0, refusal=lambda: ServerError(503, "x", PAGE))
        gate = turnstile()
        await call(gate, limiter.answer, which)
        if is_repeated:
            return await call(gate, limiter.answer, which)
        with pytest.raises(ServerError):
            await call(gate, limiter.answer, which)
        return None

    assert virtual_time.run(once()) == ([2] if is_repeated else None)


@pytest.mark.parametrize("content", [b'{"detail": "MessagingService not initialized"}', b""])
def test_a_503_of_the_backend_itself_limits_nothing(content):
    async def once():
        gate = turnstile()
        error = ServerError(503, "x", content or b'{"detail": ""}')
        return gate.must_wait(READ, error), gate.pace.is_limited

    assert virtual_time.run(once()) == (False, False)


def test_an_outage_that_looks_like_a_limit_is_told_within_seconds():
    async def down(_call):
        raise ServerError(503, "x", PAGE)

    async def once():
        gate, loop = turnstile(), asyncio.get_running_loop()
        with pytest.raises(ServerError):
            await call(gate, down, READ)
        return loop.time(), gate.pace.is_limited

    seconds, is_limited = virtual_time.run(once())
    assert 5.0 <= seconds <= 11.0
    assert not is_limited


def test_nobody_is_asked_before_a_pause_that_is_longer_than_the_patience():
    asked = []

    async def refuse(_call):
        asked.append(1)
        raise RateLimitedError(429, "x", retry_after_seconds=300.0)

    async def once():
        gate, loop = turnstile(patience=60.0), asyncio.get_running_loop()
        for _ in range(3):
            with pytest.raises(RateLimitedError) as caught:
                await call(gate, refuse, READ)
        return loop.time(), caught.value.retry_after_seconds

    seconds, left = virtual_time.run(once())
    assert (len(asked), seconds) == (1, 0.0)
    assert 300.0 <= left <= 330.0


def test_a_call_waits_no_longer_than_its_patience():
    async def refuse(_call):
        raise RateLimitedError(429, "x")

    async def once():
        gate, loop = turnstile(patience=10.0), asyncio.get_running_loop()
        with pytest.raises(RateLimitedError):
            await call(gate, refuse, READ)
        return loop.time()

    assert virtual_time.run(once()) <= 10.0


def test_an_error_that_is_no_refusal_comes_through_and_frees_the_turn():
    async def once():
        gate = turnstile()
        gate.must_wait(READ, RateLimitedError(429, "x"))

        async def fail(_call):
            raise TransportError("reset")

        with pytest.raises(TransportError):
            await gate.at_pace(READ, fail)
        return await gate.at_pace(READ, Limiter(50.0).answer)

    assert virtual_time.run(once()) == [1]


def test_a_call_that_is_cancelled_while_it_waits_keeps_nobody():
    async def once():
        gate, limiter = turnstile(), Limiter(1.0)
        gate.must_wait(READ, RateLimitedError(429, "x", retry_after_seconds=5.0))
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(gate.at_pace(SEND, limiter.answer))
            await asyncio.sleep(1.0)
            waiting.cancel()
        await gate.at_pace(READ, limiter.answer)
        return limiter.passed

    assert virtual_time.run(once()) == 1


def test_a_request_that_is_no_call_has_its_turn_among_the_calls():
    """A stream's handshake takes what a limit gives like anything else."""

    async def once():
        gate, loop = turnstile(), asyncio.get_running_loop()
        gate.must_wait(READ, RateLimitedError(429, "x", retry_after_seconds=2.0))
        await gate.wait_turn(Worth.READ)
        return loop.time(), gate.pace.pause(loop.time())

    waited, pause_of_the_next = virtual_time.run(once())
    assert 2.0 <= waited <= 2.2
    assert pause_of_the_next > 0.0


def test_a_limit_is_told_at_once_then_once_a_minute_and_when_it_has_gone():
    listener = Listener()

    async def once():
        gate, limiter, loop = turnstile(observer=listener), Limiter(2.0), asyncio.get_running_loop()
        while loop.time() < 3.5 * TOLD_SECONDS:
            await call(gate, limiter.answer, READ)
        while gate.pace.is_limited:
            await call(gate, Limiter(1000.0).answer, READ)

    virtual_time.run(once())

    assert listener.names() == ["rate.limited"] * 4 + ["rate.recovered"]
    assert {fact.cause for fact in listener.told[:4]} == {"rate_limited"}
    assert listener.told[1].interval == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ("no, yes, no, yes", ["rate.limited"]),
        ("no, no, yes", []),
        ("no, yes, wait, yes", ["rate.limited"]),
        ("no, wait, no", []),
    ],
)
def test_a_503_that_says_nothing_is_told_as_a_limit_once_it_is_no_outage(answers, told):
    """It refuses again after it has let something through, or lets through what waits its turn for seconds."""
    listener = Listener()

    async def once():
        gate, coming = turnstile(observer=listener), iter(answers.split(", "))

        async def answer(_call):
            if (come := next(coming, "yes")) == "wait":
                await asyncio.sleep(OUTAGE_SECONDS)
                come = next(coming)
            if come == "no":
                raise ServerError(503, "x", PAGE)
            return []

        for _ in range(answers.count("yes")):
            await call(gate, answer, READ)
        with contextlib.suppress(ServerError):
            await call(gate, answer, READ)

    virtual_time.run(once())
    assert listener.names() == told


def test_threads_share_one_pace():
    gate, went, lock = Turnstile(patience=30.0, observer=Listener()), [], threading.Lock()
    gate.must_wait(READ, RateLimitedError(429, "x", retry_after_seconds=0.2))

    def once(which):
        with lock:
            went.append(which)
        return []

    threads = [
        threading.Thread(target=gate.at_pace, args=(which, once)) for which in (DRAIN, LOOK, READ, SEND)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)

    assert went == [SEND, READ, LOOK, DRAIN]


def test_a_thread_waits_no_longer_than_its_patience():
    gate = Turnstile(patience=0.1, observer=Listener())
    gate.must_wait(READ, RateLimitedError(429, "x"))

    def refuse(_call):
        raise RateLimitedError(429, "x")

    with pytest.raises(RateLimitedError):
        gate.at_pace(READ, refuse)
