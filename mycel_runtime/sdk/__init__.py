"""
How we speak: the Mycel API, in two colours from one source.

`Client` blocks, `AsyncClient` awaits; both have the resource groups, names, arguments and results of the reference
SDK (`mycel-sdk`), on one pooled connection set, with timeouts and typed errors. Results are plain JSON, typed.

Keeps: an endpoint is a value (`calls`), what a reply means is pure (`exchange`), only what is safe is repeated
(`policy`); the two drivers hold no decision. A send is never repeated here. Imports `observe`, `backoff`,
`forks`, `wire` and `errors`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ConnectionClosed,
    ContentTooLargeError,
    HandshakeError,
    IntermediaryError,
    InvalidResponseError,
    NotCaughtUpError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    ReplayOverflow,
    ServerError,
    TransportError,
    ValidationError,
)
from mycel_runtime.sdk.client import AsyncClient
from mycel_runtime.sdk.network import Network

if TYPE_CHECKING:
    from mycel_runtime.sdk.sync_client import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "ConnectionClosed",
    "ContentTooLargeError",
    "HandshakeError",
    "IntermediaryError",
    "InvalidResponseError",
    "Network",
    "NotCaughtUpError",
    "NotFoundError",
    "NotSentError",
    "PermissionDeniedError",
    "RateLimitedError",
    "ReplayOverflow",
    "ServerError",
    "TransportError",
    "ValidationError",
]


def __getattr__(name: str) -> Any:
    """`Client` is imported when somebody asks for it: a daemon, which has an event loop, never does."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("mycel_runtime.sdk.sync_client").Client
