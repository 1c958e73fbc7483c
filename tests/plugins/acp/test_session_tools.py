"""By Mycel's tools an agent speaks as the run that its prompt is of: once, in its order, and at no other time."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from mycel_runtime import ToolServer
from mycel_runtime.errors import ToolProblemError
from mycel_runtime.mcp_server.answered_run import AnsweredRun
from mycel_runtime_plugins.acp import plugin, requirements
from mycel_runtime_plugins.acp.outcome import STOPPED_BY_PERSON
from mycel_runtime_plugins.acp.requirements import missing
from mycel_runtime_plugins.acp.settings import AcpSettings
from mycel_runtime_plugins.acp.spoken import is_repetition
from tests.integration.speech.tool_client import ToolClient
from tests.plugins.acp.conftest import PATIENCE


def tools_of(runtime, agent, number=-1):
    """A client of the server that the agent was told of when it opened a session."""
    opened = agent.record("session/new", "session/load")
    (entry,) = opened[number]["params"]["mcpServers"]
    run = AnsweredRun.of({each["name"]: each["value"] for each in entry["env"]})
    return ToolClient(SimpleNamespace(parts=runtime._parts), run=run)


async def used(client, name, text):
    return await client.call(name, chat_id=client.toolbox.run.chat_id, text=text)


@pytest.fixture
def settings(settings):
    return settings | {"tools": True}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "after"),
    [([["say", "The bread\nis baked."]], []), ([], []), ([["say", "Enjoy."]], ["Enjoy."])],
    ids=["the same", "nothing", "more"],
)
async def test_its_last_text_follows_unless_a_tool_has_said_it(mycel, agent, settings, steps, after):
    """And not again after a SIGKILL, when the agent would have to be asked what the last one was."""
    agent.play([["until", "go"], *steps])
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    await ada.says("bake")
    await agent.happened("turn")
    await used(tools_of(runtime, agent), "reply", "The bread is baked.")
    runtime.die_at("before finish")
    agent.allow("go")

    for text in ("The bread is baked.", *after):
        await ada.hears(text, within=PATIENCE)
    await mycel.settles(within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len(agent.prompts) == 1


@pytest.mark.slow
async def test_who_was_forestalled_and_knows_what_he_has_said_speaks_anew(mycel, agent, settings):
    agent.play([["until", "go"], ["say", "To the first."]], [["until", "again"], ["say", "To both."]])
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    await ada.says("milk")
    await agent.happened("turn")
    client = tools_of(runtime, agent)
    assert (await used(client, "reply", "Buying milk."))["note"] == ""
    await ada.hears("Buying milk.", within=PATIENCE)
    await ada.says("and sugar")
    agent.allow("go")
    await agent.happened("turn", times=2)
    assert (await used(client, "say", "Buying sugar."))["note"] == ""
    agent.allow("again")

    await ada.hears("Buying sugar.", within=PATIENCE)
    await ada.hears("To both.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert "Buying milk." not in agent.prompts[1]


@pytest.mark.slow
async def test_what_a_stopped_turn_still_wants_to_say_is_not_taken_for_the_next_ones(mycel, agent, settings):
    agent.play([["wait"]], [["until", "go"], ["say", "Three."]])
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    await ada.says("count to a million")
    await agent.happened("turn")
    before = tools_of(runtime, agent)
    await used(before, "reply", "One.")
    await ada.hears("One.", within=PATIENCE)
    await ada.says("stop")
    await ada.hears(STOPPED_BY_PERSON, within=PATIENCE)
    await ada.says("count to three")
    await agent.happened("turn", times=2)

    for name in ("reply", "say"):
        with pytest.raises(ToolProblemError, match="you are not being asked anything now"):
            await used(before, name, "Two.")
    await used(tools_of(runtime, agent), "reply", "Two.")
    agent.allow("go")
    for text in ("Two.", "Three."):
        await ada.hears(text, within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


def test_a_lasting_server_names_no_run_and_the_file_is_its_owners(tmp_path):
    server = ToolServer(
        command=("mcp",),
        environment={
            "MYCEL_TOOLS_RUN": "secret",
            "MYCEL_TOOLS_CHAT": "c",
            "MYCEL_TOOLS_STATE_DIR": str(tmp_path),
        },
    )
    lasting = server.lasting(tmp_path / "run")
    server.bind(tmp_path / "run", known_seq=7)

    assert "secret" not in json.dumps(dict(lasting.environment))
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o600
    assert AnsweredRun.of(lasting.environment).file == tmp_path / "run"
    assert [file.name for file in Path(tmp_path).iterdir()] == ["run"]


def test_what_the_tools_need_is_said_at_the_start(monkeypatch):
    monkeypatch.setattr(requirements, "find_spec", lambda name: None)
    assert missing(AcpSettings(command=("sh",))) == []
    (lacking,) = missing(AcpSettings(command=("sh",), tools=True))
    assert "mycel-runtime[mcp]" in lacking.fix


@pytest.mark.parametrize(
    ("text", "is_one"), [("a b", True), ("a  b\nc", True), ("c", True), ("a", False), ("", False)]
)
def test_a_repetition_says_what_one_has_said_or_all_of_them(text, is_one):
    spoken = [SimpleNamespace(content="a\nb"), SimpleNamespace(content="c ")]
    assert is_repetition(text, spoken) is is_one
    assert not is_repetition(text, [])
