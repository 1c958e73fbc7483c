"""uvicorn as a guest of the daemon."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRACE_SECONDS: Final = 1


class QuietServer(uvicorn.Server):
    """
    uvicorn without its hands on the process's signals and standard streams.

    Args:
        app: What answers.
        options: Further ones of uvicorn.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="critical",
                timeout_graceful_shutdown=_GRACE_SECONDS,
                **options,
            )
        )

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
