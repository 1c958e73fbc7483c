"""Everything that is looked at for one agent, in the order in which an operator would."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from mycel_runtime.checks.backend import backend_findings, open_client
from mycel_runtime.checks.configuration import Configured, read_secrets, read_settings
from mycel_runtime.checks.database import database_findings
from mycel_runtime.checks.finding import Finding, errors_from, exit_code_of, ok, skipped
from mycel_runtime.checks.journal import journal_findings
from mycel_runtime.checks.plugins import plugin_findings
from mycel_runtime.checks.presence import daemon_findings, stranger_findings
from mycel_runtime.checks.sqlite_library import sqlite_finding
from mycel_runtime.checks.state import disk_findings, state_findings
from mycel_runtime.checks.unit import token_findings, unit_findings
from mycel_runtime.daemon.state_dir import find_state_dir
from mycel_runtime.errors import ConfigError
from mycel_runtime.journal.engines import database_of, engine_of
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings import read_database
from mycel_runtime.units.handed_token import handed_token, token_file_of
from mycel_runtime.units.installed import find_unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.daemon.status import Status
    from mycel_runtime.journal.port.engine import JournalEngine
    from mycel_runtime.plugin.inventory import Descriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """
    What was found of one agent.

    Attributes:
        agent: Its name; `None` if its file does not tell.
    """

    config: Path
    agent: str | None
    findings: list[Finding]


def check(config: Path, *, is_offline: bool, descriptions: Descriptions) -> Checkup:
    """
    Look at all of one agent's set-up; nothing is changed.

    Args:
        config: Its TOML file.
        is_offline: Whether no backend is to be asked.
        descriptions: Of other agents' plugins.
    """
    settings, findings = read_settings(config)
    if settings is None or settings.engine.url is None:
        findings.append(sqlite_finding(sqlite3.sqlite_version_info))
    if settings is None:
        return Checkup(config=config, agent=None, findings=findings)
    unit = find_unit(config, settings.agent.name, os.environ)
    token = token_file_of(unit, settings.agent.name) if unit else None
    read = read_secrets(config, settings, credential=token)
    findings += read.findings
    findings += plugin_findings(
        settings.plugins,
        config,
        credentials=unit.credentials if unit else {},
        descriptions=descriptions,
    )
    findings += _of_agent(read, is_offline=is_offline)
    findings += unit_findings(unit)
    return Checkup(config=config, agent=settings.agent.name, findings=findings)


def _of_agent(read: Configured, *, is_offline: bool) -> Iterator[Finding]:
    settings = read.settings
    try:
        state_dir = find_state_dir(settings, read.config)
    except ConfigError as exc:
        yield from errors_from("state", exc)
        return
    yield from state_findings(state_dir)
    yield from disk_findings(state_dir)
    try:
        address = read_database(settings, read.config)
        engine = engine_of(state_dir, address)
    except ConfigError as exc:
        yield from errors_from("journal", exc)
        return
    journal = journal_findings(engine)
    yield from journal
    if address is not None and not exit_code_of(journal):
        yield from database_findings(database_of(address))
    found, status = daemon_findings(state_dir, engine.files)
    yield from found
    if status is not None:
        yield from token_findings(handed_token(read.config, settings.agent.name, os.environ), state_dir)
    if settings.is_embedded:
        yield ok("backend", "embedded: it lives in the daemon")
    elif is_offline:
        yield skipped("backend", "not asked", subject=settings.agent.base_url)
    else:
        yield from _of_backend(read, engine, status)


def _of_backend(read: Configured, engine: JournalEngine, status: Status | None) -> Iterator[Finding]:
    settings = read.settings
    if read.network is None:
        yield skipped(
            "backend", "not asked, because [network] cannot be used", subject=settings.agent.base_url
        )
        return
    with open_client(settings, read.token, read.network) as client:
        found, me = backend_findings(client, settings, has_token=read.token is not None)
        yield from found
        if me is not None and status is None:
            yield from stranger_findings(client, me, engine)
