"""What a plugin's process says of its end is believed no further than it makes sense."""

from __future__ import annotations

import pytest

from mycel_runtime.dispatch.workers import _ending
from mycel_runtime.errors import HandlerRaisedError
from mycel_runtime.plugin.outcome import Retry


@pytest.mark.parametrize("after", [None, 0, 2.5])
def test_a_retry_is_taken_over(after):
    ending = _ending({"ended": "retry", "after": after}, None)

    assert isinstance(ending, Retry)
    assert ending.after == after


@pytest.mark.parametrize("after", ["5", -1, float("nan"), float("inf"), [], {}, True])
def test_a_retry_after_what_cannot_be_waited_for_is_an_error_of_the_handler(after):
    assert isinstance(_ending({"ended": "retry", "after": after}, None), HandlerRaisedError)
