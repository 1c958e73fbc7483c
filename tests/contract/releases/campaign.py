"""
Plays the releases of the table that are installed against the local backend, and compares with the table.

    python -m tests.contract.releases.campaign [--write] [RELEASE ...]

`make releases` installs them all first. `--write` writes the table anew, with whatever release is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.contract.releases.play import play
from tests.contract.releases.table import FILE, Outcomes, parse, render

PEERS: Final = Path(__file__).parents[3] / ".venv" / "peers"


def installed() -> dict[str, Path]:
    """The Python of each release's environment, the oldest first."""
    found = {
        folder.name.removeprefix("sdk-"): folder / "bin" / "python"
        for folder in PEERS.glob("sdk-*")
        if (folder / "installed").exists()
    }
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def run(releases: dict[str, Path]) -> Outcomes:
    outcomes = {}
    for release, python in releases.items():
        outcomes[release] = play(python, release)
        print(
            release, *(f"{told}: {lines}" for told, lines in counted(outcomes[release])), sep="  ", flush=True
        )
    return outcomes


def counted(column: dict[str, str]) -> list[tuple[str, int]]:
    told = list(column.values())
    return [(kind, told.count(kind)) for kind in dict.fromkeys(told)]


def differences(found: Outcomes, expected: Outcomes) -> list[str]:
    return [
        f"{release} {line}: {told}, in the table {expected.get(release, {}).get(line, 'nothing')}"
        for release, column in found.items()
        for line, told in column.items()
        if told != expected.get(release, {}).get(line)
    ]


def main(arguments: list[str]) -> int:
    is_writing = "--write" in arguments
    expected = parse(FILE.read_text()) if FILE.exists() else {}
    wanted = [argument for argument in arguments if argument != "--write"] or (
        [] if is_writing else [*expected]
    )
    found = run(
        {release: python for release, python in installed().items() if not wanted or release in wanted}
    )
    if is_writing:
        FILE.write_text(render(found))
        return 0
    different = differences(found, expected)
    print("\n".join(different) or f"{len(found)} of {len(expected)} releases, as the table says")
    return bool(different or not found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
