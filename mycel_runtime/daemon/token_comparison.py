"""
Whether a token is the one that a daemon would read now: told by a salted hash, so that neither side says its own.

systemd copies a credential when it starts a unit. Who writes another token into the file that it was copied from, has
changed nothing for the daemon, which cannot read that file; whoever can asks the daemon.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.control import give_order
from mycel_runtime.daemon.credential import READ_SECONDS
from mycel_runtime.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import SecretStr

ORDER: Final = "compare_token"

_SALT_BYTES: Final = 16


async def compare_token(read: Callable[[], SecretStr], *, salt: str, digest: str) -> dict[str, Any]:
    """
    The order to a daemon.

    Args:
        read: Reads its token as it would anew, blocking; raises `ConfigError`.
        salt: Drawn by whoever asks.
        digest: Of salt and token, in hexadecimal.

    Returns:
        `is_known`: Whether it is the same token; `None`: this daemon cannot read its own now.

    Cancelling: nothing is left; a thread ends its reading.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            token = await asyncio.to_thread(read)
    except (ConfigError, OSError):  # Out of time, or of threads, too.
        return {"is_known": None}
    return {"is_known": hmac.compare_digest(_digest(salt, token), digest)}


def is_another(state_dir: Path, token: SecretStr) -> bool:
    """
    Whether the daemon of a state directory would read another token than this one, and is sure of it. Blocking.

    Raises:
        NoDaemonError: None runs.
        ControlError: It does not answer as expected: it may be of an earlier version.
        StateDirectoryError: It is another user's.
    """
    salt = secrets.token_hex(_SALT_BYTES)
    answer = give_order(state_dir, ORDER, within=2 * READ_SECONDS, salt=salt, digest=_digest(salt, token))
    return answer["is_known"] is False


def _digest(salt: str, token: SecretStr) -> str:
    return hmac.digest(salt.encode(), token.get_secret_value().encode(), "sha256").hex()
