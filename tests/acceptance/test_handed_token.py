"""
Another token in the file that a unit hands over: systemd copies it at the start, and who can tell says what to do.

Under a stand-in for systemctl; that systemd 252 does so, and not at a reload, is a row of `make units`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, until
from tests.acceptance.test_revoked import other_token

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SYSTEMCTL = Path(__file__).with_name("systemctl.py")


@dataclass
class Unit:
    """An installed unit, its agent `ada`, and who looks from outside as root does."""

    root: Path
    name: str
    config: Path
    token: Path
    environment: dict

    def systemctl(self, verb):
        command = [sys.executable, str(SYSTEMCTL), verb, self.name]
        environment = os.environ | {"SANDBOX": str(self.root)}
        subprocess.run(command, env=environment, check=True, timeout=DEADLINE)


@pytest.fixture(params=["its own", "its folder's"])
def unit(request, start, household, tmp_path):
    units = tmp_path / "etc/systemd/system"
    folder = tmp_path / "agents"
    for each in (units, folder):
        each.mkdir(parents=True)
    token = folder / "ada.token"
    token.touch(mode=0o600)
    token.write_text(household.agent_token)
    config = folder / "ada.toml"
    config.write_text(
        f'[agent]\nname = "ada"\nbase_url = "{household.base_url}"\ntoken_file = "ada.token"\n[plugins.echo]\n'
    )
    if request.param == "its own":
        name, wished = "mycel-runtime-ada", config
        environment = {"STATE_DIRECTORY": str(tmp_path / "var/mycel-runtime/ada")}
    else:
        name, wished = "mycel-runtime-agents", folder
        environment = {"XDG_STATE_HOME": str(tmp_path / "var/mycel-runtime-agents")}
    made = start("unit", "--config", wished, "--folder", units)
    assert made.exit_code() == 0, made.transcript()
    unit = Unit(tmp_path, name, config, token, environment | {"SYSTEMD_UNIT_PATH": str(units)})
    unit.systemctl("start")
    yield unit
    unit.systemctl("stop")


def test_whoever_asks_is_told_of_the_restart_that_a_new_token_wants(start, household, backend, unit):
    """Before the old one is revoked: after that the agent would end."""

    def ask(*arguments):
        process = start(*arguments, "--config", unit.config, **unit.environment)
        code = process.exit_code()
        return code, process.out, [line for line in process.err if "restart" in line]

    def asked():
        return [ask("reload")[2], ask("status")[2], of_check()]

    def of_check():
        _, out, _ = ask("check", "--json")
        findings = json.loads("\n".join(out))["findings"]
        return [each["fix"] for each in findings if each["name"] == "unit.credential" and each["fix"]]

    assert asked() == [[], [], []]
    new = until(lambda: other_token(backend, household))
    given = unit.root / "new.token"
    given.touch(mode=0o600)
    given.write_text(new)
    code, out, told = ask("token", "import", given)
    restart = f"systemctl restart {unit.name}"
    assert (code, out) == (0, [f"{unit.token}: the token of Agent ({household.agent_id})"])
    assert told == [f"systemd hands it over when it starts the unit: {restart}"]
    difference = f"{unit.token} holds another token than the daemon was given when it was started: {restart}"
    said = f"ada needs a restart: {difference}"
    assert asked() == [[said], [said], [f"Restart it: {restart}"]]

    unit.systemctl("restart")
    assert asked() == [[], [], []]
    backend.faults.revoke_token(household.agent_token)
    with Client(base_url=backend.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.ensure_direct(household.agent_id)["id"]
        owner.messages.send(chat, "one", enforce_caught_up=False)
        until(lambda: [each for each in owner.messages.list(chat) if each["content"] == "echo: one"])
