"""The unit that is installed for an agent: what this version prints, accepted by systemd, its secrets kept."""

from __future__ import annotations

import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.checks.finding import Finding, error, ok, skipped, warning
from mycel_runtime.errors import ConfigError
from mycel_runtime.settings.credentials import CREDENTIAL
from mycel_runtime.units.installed import verified_name
from mycel_runtime.units.made import made_unit
from mycel_runtime.units.packaged import OF_FOLDER, TEMPLATE, packaged

if TYPE_CHECKING:
    from mycel_runtime.units.handed_token import HandedToken
    from mycel_runtime.units.installed import InstalledUnit

_VERIFY_SECONDS: Final = 20.0

_LONGEST: Final = 300


def unit_findings(unit: InstalledUnit | None) -> list[Finding]:
    """
    Of an agent's unit.

    Args:
        unit: As it is installed.
    """
    if unit is None:
        return [ok("unit", "none is installed for this agent")]
    wrong = [*_of_difference(unit), *_of_systemd(unit)]
    return [
        *(wrong or [ok("unit", "is what this version prints", subject=str(unit.path))]),
        *_of_secrets(unit),
    ]


def token_findings(token: HandedToken | None, state_dir: Path) -> list[Finding]:
    """
    Whether a running daemon has the token that its unit would hand over now.

    Args:
        token: What it hands over; `None`: nothing.
        state_dir: The agent's.
    """
    if token is None or not token.is_outdated(state_dir):
        return []
    return [warning("unit.credential", token.difference, f"Restart it: {token.restart}", subject=CREDENTIAL)]


def _of_difference(unit: InstalledUnit) -> list[Finding]:
    is_packaged = unit.path.name in (TEMPLATE, OF_FOLDER)
    if is_packaged and unit.text == packaged(unit.path.name):
        return []
    try:
        made = None if unit.instance else made_unit(unit.config, is_for_user=False)
    except ConfigError as exc:
        return [warning("unit", exc.problem, exc.fix, subject=exc.where)]
    if made is not None and unit.text == made.text:
        return []
    how = (
        f"mycel-runtime unit --config '{unit.config}' --folder '{unit.path.parent}'"
        if made
        else "Install the unit that comes with this version"
    )
    text = "is not what this version prints"
    return [warning("unit", text, f"{how}; then: systemctl daemon-reload", subject=str(unit.path))]


def _of_systemd(unit: InstalledUnit) -> list[Finding]:
    """What `systemd-analyze verify` says; its exit status is 0 for most of what it warns of."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / verified_name(unit)
        copy.write_text(unit.text, encoding="utf-8")
        for number, text in enumerate(unit.drop_ins.values()):
            place = copy.with_name(f"{copy.name}.d") / f"{number:03}.conf"
            place.parent.mkdir(exist_ok=True)
            place.write_text(text, encoding="utf-8")
        try:
            ended = subprocess.run(  # noqa: S603 - systemd's own
                [program, "--no-pager", "verify", "--man=no", copy],
                capture_output=True,
                text=True,
                timeout=_VERIFY_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            return [skipped("unit", f"systemd-analyze did not answer: {type(exc).__name__}")]
        # Units that ours only mentions are verified along with it, and are not ours to mend.
        said = [line.replace(folder, "") for line in ended.stderr.splitlines() if copy.name in line]
    if not said:
        return []
    text = f"systemd does not take it as it stands: {' / '.join(said)[:_LONGEST]}"
    return [warning("unit", text, "Correct these lines.", subject=str(unit.path))]


def _of_secrets(unit: InstalledUnit) -> list[Finding]:
    return [_of_secret(name, path) for name, path in unit.credentials.items()]


def _of_secret(name: str, path: Path) -> Finding:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as exc:
        text = f"{path} cannot be had: {exc.strerror}; systemd does not start the unit without it"
        fix = f"Put it there: install -m 0600 FILE '{path}'"
        return error("unit.credential", text, fix, exit_code=ConfigError.exit_code, subject=name)
    if mode & 0o077:
        text = f"{path} is open to others (mode {mode:04o})"
        return error(
            "unit.credential", text, f"chmod 600 '{path}'", exit_code=ConfigError.exit_code, subject=name
        )
    return ok("unit.credential", f"{path}, mode {mode:04o}", subject=name)
