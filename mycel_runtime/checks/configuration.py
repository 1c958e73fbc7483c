"""The file: readable, known keys, nobody else's to write; and the token and the network that it names."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from mycel_runtime.checks.finding import Finding, error, errors_from, ok, warning
from mycel_runtime.daemon.network import network_of
from mycel_runtime.errors import ConfigError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk.network import DEFAULT, Network
from mycel_runtime.settings import load_settings, read_token, read_token_file
from mycel_runtime.settings.loading import load_what_is_right

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from mycel_runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """
    What could be made of a file.

    Attributes:
        settings: Without the keys that are wrong.
        token: `None`: there is none, or none that can be used.
        network: `None`: it cannot be used.
    """

    config: Path
    settings: Settings
    token: SecretStr | None
    network: Network | None
    findings: list[Finding]


def read_settings(config: Path) -> tuple[Settings | None, list[Finding]]:
    """
    Read a file, and go on past each mistake.

    Returns:
        The settings without the keys that are wrong, `None` if what is left is not enough; and what is wrong.
    """
    settings: Settings | None
    try:
        settings, findings = load_settings(config), [ok("configuration", f"{config} can be used")]
    except ConfigError as exc:
        settings, findings = load_what_is_right(config), errors_from("configuration", exc)
    return settings, [*findings, *_mode_findings(config, settings)]


def read_secrets(config: Path, settings: Settings, *, credential: Path | None) -> Configured:
    """
    Read what a file names.

    Args:
        config: The TOML file.
        settings: Of it.
        credential: The file that the installed unit hands over as the agent's token, if it does.
    """
    token, of_token = _read_token(settings, credential)
    network, of_network = _read_network(settings, config)
    findings = [*of_token, *of_network]
    return Configured(config=config, settings=settings, token=token, network=network, findings=findings)


def _mode_findings(config: Path, settings: Settings | None) -> list[Finding]:
    try:
        mode = stat.S_IMODE(config.stat().st_mode)
    except OSError:
        return []  # The reading has told why.
    if mode & 0o022:
        text = f"others can change the file (mode {mode:04o}), and so which code runs as the agent"
        return [warning("configuration.mode", text, f"chmod go-w '{config}'", subject=str(config))]
    if mode & 0o077 and settings is not None and settings.agent.token is not None and _holds_token(config):
        text = f"the token stands in a file that others can read (mode {mode:04o})"
        fix = f"chmod 600 '{config}', or put the token into a token_file"
        return [error("configuration.mode", text, fix, exit_code=ConfigError.exit_code, subject=str(config))]
    return [ok("configuration.mode", f"mode {mode:04o}", subject=str(config))]


def _holds_token(config: Path) -> bool:
    import tomllib  # noqa: PLC0415 - one read in the rare case

    return "token" in tomllib.loads(config.read_text(encoding="utf-8-sig")).get("agent", {})


def _read_token(settings: Settings, credential: Path | None) -> tuple[SecretStr | None, list[Finding]]:
    if settings.is_embedded:
        return None, [ok("token", "the embedded backend makes the agent's own")]
    is_units = settings.agent.token is None and settings.agent.token_file is None and credential is not None
    try:
        token = read_token_file(credential) if is_units and credential else read_token(settings)
    except ConfigError as exc:
        return None, errors_from("token", exc)
    where = credential if is_units else settings.agent.token_file
    return token, [ok("token", "there is one, for its owner only", subject=str(where) if where else "")]


def _read_network(settings: Settings, config: Path) -> tuple[Network | None, list[Finding]]:
    try:
        network = network_of(settings, config)
    except ConfigError as exc:
        return None, errors_from("network", exc)
    is_set = network != DEFAULT
    return network, [ok("network", "its files and its proxy can be used")] if is_set else []
