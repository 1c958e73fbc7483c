"""
The hands of a genuine `mycel-sdk`: takes one order per line from stdin, answers each with one line.

Runs in the genuine client's own environment, so it imports nothing but the standard library and the client.

Orders: `call` a method, `open`/`next`/`stop` a notification stream by name, tell the `methods` there are.
"""

from __future__ import annotations

import functools
import inspect
import json
import queue
import ssl
import sys
import threading
from typing import Any, Final

from mycel_sdk import ApiError, Client
from mycel_sdk.errors import ConnectionClosed, ReplayOverflow

# The genuine client makes an HTTP client for every call, and that reads the certificates of the world each time,
# which is most of what a call costs; nobody here speaks TLS.
ssl.create_default_context = functools.cache(ssl.create_default_context)

NAMED: Final = (ApiError, ConnectionClosed, ReplayOverflow)
"""The errors that an application can import; any other is told by its own class."""


def tell(exc: Exception) -> dict[str, Any]:
    """An error as an application sees it."""
    told: dict[str, Any] = {"kind": type(exc).__name__, "text": str(exc)}
    for cls in NAMED:
        if isinstance(exc, cls):
            told["kind"] = cls.__name__
    for name in ("status_code", "detail", "frame"):
        if hasattr(exc, name):
            told[name] = getattr(exc, name)
    return told


class Stream:
    """One `notifications.stream`, iterated in a thread of its own."""

    def __init__(self, client: Client, arguments: dict[str, Any], *, stoppable: bool) -> None:
        self._items: queue.Queue[dict[str, Any]] = queue.Queue()
        self.stop = threading.Event()
        if stoppable:
            arguments["should_stop"] = self.stop.is_set
        threading.Thread(target=self._run, args=(client, arguments), daemon=True).start()

    def next(self, seconds: float) -> dict[str, Any]:
        """The next frame, the error, or the end; `TimeoutError` if none of them came in time."""
        try:
            return self._items.get(timeout=seconds)
        except queue.Empty:
            return {"error": {"kind": "TimeoutError", "text": f"nothing within {seconds} s"}}

    def _run(self, client: Client, arguments: dict[str, Any]) -> None:
        try:
            for frame in client.notifications.stream(**arguments):
                self._items.put({"result": frame})
        except Exception as exc:  # noqa: BLE001 - whatever the client raises is told
            self._items.put({"error": tell(exc)})
        else:
            self._items.put({"result": None})


STREAMS: Final[dict[str, Stream]] = {}


def make(order: dict[str, Any]) -> Client:
    return Client(**order["client"])


def call(order: dict[str, Any]) -> Any:
    target: Any = make(order)
    for name in order["call"].split("."):
        target = getattr(target, name)
    return target(*order["args"], **order["kwargs"])


def methods() -> list[str]:
    client = Client(base_url="http://nowhere.invalid")
    groups = {
        name: getattr(client, name)
        for name in dir(client)
        if not name.startswith("_") and not inspect.ismethod(getattr(client, name))
    }
    found = [
        f"{name}.{method}"
        for name, group in groups.items()
        for method, _ in inspect.getmembers(group, inspect.ismethod)
        if not method.startswith("_")
    ]
    return [*found, *(["backend_info"] if hasattr(client, "backend_info") else [])]


def obey(order: dict[str, Any]) -> dict[str, Any]:
    try:
        if "call" in order:
            return {"result": call(order)}
        if "open" in order:
            STREAMS[order["open"]] = Stream(make(order), order["arguments"], stoppable=order["stoppable"])
            return {"result": None}
        if "next" in order:
            return STREAMS[order["next"]].next(order["seconds"])
        if "stop" in order:
            STREAMS[order["stop"]].stop.set()
            return {"result": None}
        return {"result": methods()}
    except Exception as exc:  # noqa: BLE001 - whatever the client raises is told
        return {"error": tell(exc)}


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(obey(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
