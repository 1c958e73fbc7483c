"""
The reference SDK's speed; runs in its environment.

    python reference.py base_url [authorities]

reads seconds from its standard input, a line each, and prints the calls/s it made in that time.
"""

from __future__ import annotations

import sys
import time


def measure(base_url: str, authorities: str | None) -> None:
    """Answer each line."""
    if authorities:
        # The only way in: the reference neither takes certificates nor reads the environment.
        import certifi  # noqa: PLC0415 - not in every environment

        certifi.where = lambda: authorities
    from mycel_sdk import Client  # noqa: PLC0415 - the environment's

    client = Client(auth_token="tok-benchmark", base_url=base_url)
    client.me.whoami()
    print("ready", flush=True)
    for line in sys.stdin:
        started, calls = time.perf_counter(), 0
        while time.perf_counter() - started < float(line):
            client.me.whoami()
            calls += 1
        print(calls / (time.perf_counter() - started), flush=True)


if __name__ == "__main__":
    measure(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
