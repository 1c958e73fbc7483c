"""
The latency of one answer while nobody else speaks: from a message's being stored to its answer's being stored.

    python -m tests.benchmarks.rest [OTHER] [--messages 200] [--pause 0.2] [--sync-ms 0]

Ours: a `mycel-runtime run` of the bundled `echo`. Bare: a loop of `websockets` and `httpx` without a journal, which
for each frame gets what is unread, moves the server's cursor and sends. OTHER is a further checkout with an
environment of its own in `.venv`. Each is a process and lives as long as the others, against one backend in a process
of its own, whose stamps are compared. The messages go round, one to each in turn, each round in the other order, and
nobody asks for an answer before the pause is over. With a pause of more than 20 s ours is woken from its rest each
time, its journal closed.

`--sync-ms` is a disk that takes so long for each sync: a library that sleeps there, made by the system's C compiler,
is loaded into all of them before anything else. Printed: medians in milliseconds, and of the rounds' ratios to the
bare loop the median and the middle half. Exit status 1 if ours is above the bar.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import websockets

from mycel_runtime.sdk import Client
from mycel_runtime.sdk.stream import stream_url
from tests.benchmarks.crowd import DEADLINE_SECONDS, ROOT, backend

if TYPE_CHECKING:
    from collections.abc import Iterator

BAR: Final = 1.25
SLOW_BAR: Final = 2.2
"""Where a sync takes 5 ms; the bare loop has no journal, and waits for none."""

WARMING: Final = 5
"""Rounds that are not counted: connections are opened, and caches filled."""

SLOW_SYNC: Final = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void take_long(void) {
    struct timespec rest = {0, SYNC_MS * 1000000L};
    while (nanosleep(&rest, &rest) != 0) {}
}
int fsync(int descriptor) { take_long(); return syscall(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { take_long(); return syscall(SYS_fdatasync, descriptor); }
"""


async def answer_bare(base_url: str, token: str) -> None:
    """The bare loop, until it is killed."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as http:

        async def answer(chat: str) -> None:
            if unread := (await http.get(f"{chat}/messages/unread")).raise_for_status().json():
                (await http.post(f"{chat}/messages/read")).raise_for_status()
                said = {"content": f"echo: {unread[-1]['content']}", "enforce_caught_up": True}
                (await http.post(f"{chat}/messages", json=said)).raise_for_status()

        async with websockets.connect(stream_url(base_url), additional_headers=headers) as stream:
            await stream.send(json.dumps({"type": "resume", "since_seq": 0}))
            for chat in (await http.get("/api/chats")).raise_for_status().json():
                await answer(f"/api/chats/{chat['id']}")
            async for frame in stream:
                if chat_id := json.loads(frame).get("metadata", {}).get("chat_id"):
                    await answer(f"/api/chats/{chat_id}")


def slow_disk(folder: Path, sync_ms: int) -> dict[str, str]:
    """The environment of a process on one."""
    if not sync_ms:
        return {}
    if (compiler := shutil.which("cc")) is None:
        raise SystemExit("--sync-ms wants a C compiler")
    source, library = folder / "slow_sync.c", folder / "slow_sync.so"
    source.write_text(SLOW_SYNC)
    command = [compiler, "-O1", "-shared", "-fPIC", f"-DSYNC_MS={sync_ms}", "-o", str(library), str(source)]
    subprocess.run(command, check=True, timeout=DEADLINE_SECONDS)
    return {"LD_PRELOAD": str(library)}


@contextlib.contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A contestant; what it prints stays in its folder."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | environment
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


class Contestant:
    """One who answers, and the owner's direct chat with it."""

    def __init__(self, name: str, checkout: Path | None, folder: Path, base_url: str, owner: Client) -> None:
        made = owner.auth.create_external_user(f"rest-{name}", name)
        self.chat = owner.chats.ensure_direct(made["user"]["id"])["id"]
        self.folder = folder / name
        self.folder.mkdir()
        self._owner = owner
        self._seq = 0
        if checkout is None:
            module = ["-m", "tests.benchmarks.rest", "--as-bare", base_url, made["token"]]
            self.command = [sys.executable, *module]
            return
        token, config = self.folder / "agent.token", self.folder / "agent.toml"
        token.write_text(made["token"])
        token.chmod(0o600)
        config.write_text(
            f'[agent]\nname = "{name}"\nbase_url = "{base_url}"\ntoken_file = "agent.token"\n'
            'state_dir = "state"\n\n[plugins.echo]\n'
        )
        self.command = [str(checkout / ".venv" / "bin" / "mycel-runtime"), "run", "--config", str(config)]

    def latency(self, pause: float) -> float:
        """Say something, and read after a pause how many milliseconds later the answer was stored."""
        said = self._owner.messages.send(self.chat, "hello", enforce_caught_up=False)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(pause)
            later = [each for each in self._owner.messages.list(self.chat) if each["seq"] > said["seq"]]
            if later:
                return (later[0]["created_at"] - said["created_at"]) * 1000
        raise SystemExit(f"no answer in {self.folder.name}: {(self.folder / 'output').read_text()[-2000:]}")


def measure(checkouts: dict[str, Path | None], given: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of each message, by contestant."""
    with (
        backend() as base_url,
        tempfile.TemporaryDirectory(dir="/var/tmp") as temporary,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(temporary)
        environment = slow_disk(folder, given.sync_ms)
        with Client(base_url=base_url) as nobody:
            token = nobody.auth.create_guest_owner("owner")["token"]
        owner = stack.enter_context(Client(base_url=base_url, auth_token=token))
        contestants = [
            Contestant(name, checkout, folder, base_url, owner) for name, checkout in checkouts.items()
        ]
        for each in contestants:
            stack.enter_context(running(each.command, each.folder, environment))
            each.latency(0.2)
        seen: dict[str, list[float]] = {name: [] for name in checkouts}
        for number in range(WARMING + given.messages):
            for each in contestants if number % 2 else reversed(contestants):
                latency = each.latency(given.pause)
                if number >= WARMING:
                    seen[each.folder.name].append(latency)
        return seen


def report(seen: dict[str, list[float]], bar: float) -> bool:
    """Print the table; whether ours is within the bar."""
    for name, latencies in seen.items():
        low, median, high = statistics.quantiles(latencies, n=4)
        line = f"{name:6} p50 {median:7.2f} ms, the middle half {low:.2f} to {high:.2f}"
        if name != "bare":
            ratios = [own / bare for own, bare in zip(latencies, seen["bare"], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            line += f"; of the bare loop's p50 {median / statistics.median(seen['bare']):.2f}"
            line += f", of its own round {middle:.2f} ({low:.2f} to {high:.2f})"
        print(line)
    ratio = statistics.median(seen["ours"]) / statistics.median(seen["bare"])
    print(f"ours {ratio:.2f} (bar {bar}): {'held' if ratio <= bar else 'MISSED'}")
    return ratio <= bar


def main() -> None:
    """Measure and print; or be the bare loop."""
    if sys.argv[1:2] == ["--as-bare"]:
        asyncio.run(answer_bare(*sys.argv[2:]))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", nargs="?", type=Path)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.2)
    parser.add_argument("--sync-ms", type=int, default=0)
    given = parser.parse_args()
    checkouts: dict[str, Path | None] = {"bare": None, "ours": ROOT}
    if given.other is not None:
        checkouts["other"] = given.other.resolve()
    seen = measure(checkouts, given)
    raise SystemExit(0 if report(seen, SLOW_BAR if given.sync_ms else BAR) else 1)


if __name__ == "__main__":
    main()
