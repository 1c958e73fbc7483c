"""A plugin with a process of its own is given the credentials that its table names, and is told of no other."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.frame_context import FrameContext
from mycel_runtime.plugin.isolation.workers import Workers
from mycel_runtime.plugin.registry import load_plugins

pytestmark = pytest.mark.slow

PLUGIN = """
import json, os
from pathlib import Path
from pydantic import BaseModel
from mycel_runtime import CredentialError, Plugin, read_credential

class Settings(BaseModel):
    key_credential: str

plugin = Plugin("p", settings=Settings)
AT_IMPORT = read_credential("p.key")

def attempt(name):
    try:
        return read_credential(name)
    except CredentialError as exc:
        return exc.problem

@plugin.on_frame("look")
def look(ctx):
    seen = {
        "at import": AT_IMPORT,
        "of its table": attempt(ctx.settings.key_credential),
        "another": attempt("agent.token"),
        "environment": [name for name, value in os.environ.items() if "CREDENTIAL" in name or "sesame" in value],
        "command": "sesame" in Path("/proc/self/cmdline").read_text(),
    }
    Path(__file__).with_name("seen").write_text(json.dumps(seen))
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "p.key").write_text("open-sesame\n")
    (folder / "agent.token").write_text("token-sesame\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    (tmp_path / "p.py").write_text(PLUGIN)
    (tmp_path / "agent.toml").touch()
    return tmp_path / "agent.toml"


def table(credential):
    return {"p": {"path": "p.py", "isolation": "process", "key_credential": credential}}


async def test_it_reads_the_one_that_its_table_names_and_nothing_tells_where_they_lie(config):
    (loaded,) = load_plugins(table("p.key"), config)
    workers = Workers()
    context = FrameContext(
        event_type="look", metadata={}, me="me", settings=None, log=None, deadline=2.0**62, attempt=1
    )
    try:
        async with workers.lend(loaded.worker) as loan:
            await loan.run(loaded.plugin.handlers[0], context, note_late=[].append)
    finally:
        await workers.close()

    assert json.loads(config.with_name("seen").read_text()) == {
        "at import": "open-sesame\n",
        "of its table": "open-sesame\n",
        "another": "there is none",
        "environment": [],
        "command": False,
    }
    assert "sesame" not in f"{loaded!r} {loaded.worker.load!r}"


@pytest.mark.parametrize(
    "name", ["agent.token", "engine.password", "http.token", "proxy.credentials", "token_ada"]
)
def test_the_runtimes_own_are_handed_on_to_nobody(config, name):
    with pytest.raises(PluginError, match=f"credential {name} is the runtime's own") as refused:
        load_plugins(table(name), config)
    assert "[plugins.p]" in refused.value.where
