"""
How fast the SDK is: ours, the reference's, and bare httpx, whose types ours has but not what carries them.

    python -m tests.benchmarks.sdk [--rounds 7] [--seconds 1.0]

Every round measures each candidate once, in an order that rotates, so that all of them meet the same noise; a table
of medians comes out, over plain HTTP and over TLS. Exit status 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import certifi
import httpx

from mycel_runtime.sdk import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

ROOT: Final = Path(__file__).parents[2]
REFERENCE_PYTHON: Final = ROOT / ".venv" / "peers" / "sdk-0.1.83" / "bin" / "python"
TOKEN: Final = "tok-benchmark"
IN_FLIGHT: Final = 8
PATH: Final = "/api/auth/me"
LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)

SYNC_OVER_REFERENCE: Final = 20.0
SYNC_OVER_BARE: Final = 1.4
ASYNC_OVER_BARE: Final = 2.5


def main() -> int:
    """Measure, print, judge."""
    options = _options()
    missed: list[str] = []
    for transport in ("plain", "TLS"):
        with _served(tls=transport == "TLS") as (base_url, authorities):
            rates = _rounds(base_url, authorities, options.rounds, options.seconds)
        missed += _report(
            transport, {name: statistics.median(found) for name, found in rates.items()}, options
        )
    print("\n".join(missed) or "all bars are met")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="at least 5")
    parser.add_argument("--seconds", type=float, default=1.0, help="per candidate and round")
    return parser.parse_args()


def _report(transport: str, rates: dict[str, float], options: argparse.Namespace) -> list[str]:
    """Print one table; the bars that were missed."""
    print(
        f"\n{transport}: calls/s, medians of {options.rounds} alternating rounds of {options.seconds} s each"
    )
    rows = [
        ("sync, ours", rates["ours"], None, None),
        (
            "sync, mycel-sdk 0.1.83",
            rates["reference"],
            rates["ours"] / rates["reference"],
            SYNC_OVER_REFERENCE,
        ),
        ("sync, bare httpx", rates["bare"], rates["ours"] / rates["bare"], SYNC_OVER_BARE),
        (f"async {IN_FLIGHT}, ours", rates["ours async"], None, None),
        (
            f"async {IN_FLIGHT}, bare httpx",
            rates["bare async"],
            rates["ours async"] / rates["bare async"],
            ASYNC_OVER_BARE,
        ),
    ]
    missed = []
    for name, rate, ratio, bar in rows:
        verdict = ""
        if ratio is not None and bar is not None:
            verdict = f"ours is {ratio:6.2f} x   (bar {bar:.2f})"
            if ratio < bar:
                missed.append(f"{transport}, {name}: {ratio:.2f} is below {bar:.2f}")
        print(f"  {name:24s} {rate:9.1f}   {verdict}".rstrip())
    return missed


def _rounds(base_url: str, authorities: Path | None, rounds: int, seconds: float) -> dict[str, list[float]]:
    verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=authorities) if authorities else True
    with (
        Client(auth_token=TOKEN, base_url=base_url, verify=verify) as ours,
        httpx.Client(**_bare_options(base_url, verify=verify)) as bare,  # type: ignore[arg-type]  # a dict of options
        _reference(base_url, authorities) as reference,
    ):
        candidates: dict[str, Callable[[float], float]] = {
            "ours": lambda limit: _rate(ours.me.whoami, limit),
            "reference": reference,
            "bare": lambda limit: _rate(lambda: bare.get(PATH).raise_for_status().json(), limit),
            "ours async": lambda limit: asyncio.run(_ours_async(base_url, limit, verify=verify)),
            "bare async": lambda limit: asyncio.run(_bare_async(base_url, limit, verify=verify)),
        }
        rates: dict[str, list[float]] = {name: [] for name in candidates}
        names = list(candidates)
        for candidate in candidates.values():
            candidate(0.2)
        for number in range(rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                rates[name].append(candidates[name](seconds))
    return rates


def _bare_options(base_url: str, *, verify: ssl.SSLContext | bool) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return {"base_url": base_url, "headers": headers, "limits": LIMITS, "verify": verify, "trust_env": False}


def _rate(call: Callable[[], object], seconds: float) -> float:
    started, calls = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        call()
        calls += 1
    return calls / (time.perf_counter() - started)


async def _ours_async(base_url: str, seconds: float, *, verify: ssl.SSLContext | bool) -> float:
    async with AsyncClient(auth_token=TOKEN, base_url=base_url, verify=verify) as client:
        return await _rate_async(client.me.whoami, seconds)


async def _bare_async(base_url: str, seconds: float, *, verify: ssl.SSLContext | bool) -> float:
    async with httpx.AsyncClient(**_bare_options(base_url, verify=verify)) as client:  # type: ignore[arg-type]  # as above

        async def call() -> object:
            return (await client.get(PATH)).raise_for_status().json()

        return await _rate_async(call, seconds)


async def _rate_async(call: Callable[[], Awaitable[object]], seconds: float) -> float:
    """Calls/s with `IN_FLIGHT` at once; connections are made before the clock starts."""

    async def work(until: float) -> int:
        calls = 0
        while time.perf_counter() < until:
            await call()
            calls += 1
        return calls

    await asyncio.gather(*(call() for _ in range(IN_FLIGHT)))
    started = time.perf_counter()
    calls = await asyncio.gather(*(work(started + seconds) for _ in range(IN_FLIGHT)))
    return sum(calls) / (time.perf_counter() - started)


@contextlib.contextmanager
def _served(*, tls: bool) -> Iterator[tuple[str, Path | None]]:
    """The server's address, and the file of the authorities that vouch for it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.server"]
        authorities = None
        if tls:
            certificate, key, authorities = _certificate(Path(folder))
            command += [str(certificate), str(key)]
        with _child(command) as server:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", authorities


def _certificate(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate for loopback, its key, and the usual authorities with it among them, as in real life."""
    certificate, key, authorities = folder / "certificate.pem", folder / "key.pem", folder / "authorities.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=loopback"
    )
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True, timeout=30)
    authorities.write_text(Path(certifi.where()).read_text() + certificate.read_text())
    return certificate, key, authorities


@contextlib.contextmanager
def _reference(base_url: str, authorities: Path | None) -> Iterator[Callable[[float], float]]:
    script = str(Path(__file__).with_name("reference.py"))
    command = [str(REFERENCE_PYTHON), script, base_url, *([str(authorities)] if authorities else [])]
    with _child(command) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        stdin, stdout = child.stdin, child.stdout
        assert stdout.readline() == "ready\n"

        def measure(seconds: float) -> float:
            stdin.write(f"{seconds}\n")
            stdin.flush()
            return float(stdout.readline())

        yield measure


@contextlib.contextmanager
def _child(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
