"""What status tells while a new token is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mycel_runtime.daemon.awaited_token import AwaitedToken
from mycel_runtime.observe.facts import IdentityConfirmed, TokenAwaited, TokenRenewed


@pytest.mark.parametrize(
    ("file", "fix"),
    [
        (Path("/a.token"), "write another one into /a.token"),
        (None, "put another one where it was handed over from, and start it again"),
    ],
)
def test_a_refused_token_is_a_problem_until_there_is_another(file, fix):
    token = AwaitedToken(file, lambda: 100.0)
    token.tell(IdentityConfirmed(user_id="a", user_name="A"))
    assert token.problems(100.0) == ()

    token.tell(TokenAwaited(seconds=5.0))
    assert token.problems(103.0) == (
        f"the backend has refused the token 3 s ago, and no call is made: {fix}",
    )
    token.tell(TokenRenewed())
    assert token.problems(104.0) == ()
