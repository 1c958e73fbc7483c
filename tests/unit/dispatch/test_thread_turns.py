"""While a handler runs in a thread the loop gets its turn soon, and what was set before is set again."""

from __future__ import annotations

import sys
import threading

import pytest

from mycel_runtime.dispatch.thread_turns import SWITCH_SECONDS, ThreadTurns


@pytest.fixture
def turns():
    before = sys.getswitchinterval()
    yield ThreadTurns()
    sys.setswitchinterval(before)


def test_the_last_thread_puts_it_back(turns):
    sys.setswitchinterval(0.004)

    with turns.taken():
        with turns.taken():
            assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)

    assert sys.getswitchinterval() == pytest.approx(0.004)


def test_a_handler_that_raises_puts_it_back(turns):
    sys.setswitchinterval(0.004)

    with pytest.raises(ValueError, match="whatever"), turns.taken():
        raise ValueError("whatever")

    assert sys.getswitchinterval() == pytest.approx(0.004)


def test_who_has_set_less_keeps_it(turns):
    sys.setswitchinterval(0.00001)

    with turns.taken():
        assert sys.getswitchinterval() == pytest.approx(0.00001)


def test_threads_that_come_and_go_side_by_side_put_it_back(turns):
    sys.setswitchinterval(0.004)
    together = threading.Barrier(8)

    def run():
        for _ in range(50):
            together.wait(30)
            with turns.taken():
                assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sys.getswitchinterval() == pytest.approx(0.004)
