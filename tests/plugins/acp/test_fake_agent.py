"""The fake agent has the faults that it is told to have; what the plugin makes of them is tested beside this file."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest

from tests.plugins.acp.agent_script import NEEDS_LOGIN, Script, ScriptedAgent, Step, Turn, says
from tests.plugins.acp.bare_client import AgentError, running

SECONDS = 120
"""A deadline, not a measure: the library alone takes half a second of a processor to import."""

pytestmark = pytest.mark.slow


@pytest.fixture
def scripted(tmp_path):
    agent = ScriptedAgent(tmp_path / "agent")
    agent.play(Script())
    return agent


@asynccontextmanager
async def started(scripted, tmp_path, **options):
    async with asyncio.timeout(SECONDS), running(scripted.command, cwd=tmp_path, **options) as client:
        await client.initialize()
        yield client


async def opened(client, tmp_path):
    answer = await client.new_session(str(tmp_path))
    return answer["sessionId"]


async def until(condition):
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.01)


async def test_it_answers_and_remembers_what_it_was_asked(scripted, tmp_path):
    async with started(scripted, tmp_path) as client:
        session = await opened(client, tmp_path)
        assert await client.prompt(session, "context\nhello") == "end_turn"
        assert client.text(session) == "You said: hello"
        assert client.updates[0]["update"]["messageId"]
    assert scripted.prompts() == ["context\nhello"]
    assert [line["event"] for line in scripted.record()] == ["started", "initialize", "new", "prompt", "turn"]


async def test_sessions_are_loaded_and_replayed_as_the_script_says(scripted, tmp_path):
    async with started(scripted, tmp_path) as client:
        session = await opened(client, tmp_path)
        await client.prompt(session, "one")
        with pytest.raises(AgentError, match="-32002"):
            await client.load_session("unknown", str(tmp_path))
        await client.load_session(session, str(tmp_path))
        assert client.text(session) == "You said: one" * 2
        scripted.play(Script(replay="after"))
        client.updates.clear()
        await client.load_session(session, str(tmp_path))
        assert client.updates == []
        await client.prompt(session, "two")
        assert client.text(session) == "You said: oneYou said: two"
        scripted.play(Script(loads="never"))
        with pytest.raises(AgentError, match="-32603"):
            await client.load_session(session, str(tmp_path))
        scripted.play(Script(loads="any"))
        await client.load_session("unknown", str(tmp_path))


async def test_sessions_outlive_the_process_and_a_login_is_needed_where_the_script_says(scripted, tmp_path):
    async with started(scripted, tmp_path) as client:
        session = await opened(client, tmp_path)
        await client.prompt(session, "one")
        scripted.play(Script(login="needed_by_prompt"))
        with pytest.raises(AgentError) as refused:
            await client.prompt(session, "hello")
        assert refused.value.code == NEEDS_LOGIN
    scripted.play(Script(login="needed_by_new"))
    async with started(scripted, tmp_path) as client:
        with pytest.raises(AgentError, match=str(NEEDS_LOGIN)):
            await opened(client, tmp_path)
        await client.load_session(session, str(tmp_path))
        assert client.text(session) == "You said: one"


async def test_each_kind_of_update_and_odd_line_comes_in_its_place(scripted, tmp_path):
    odd = ["", "no JSON", "[]", '{"jsonrpc": "2.0"}', "{ff}"]
    unknown = '{"sessionId": "{session}", "update": {"sessionUpdate": "vendor_kind"}}'
    raw = [*odd, f'{{"jsonrpc": "2.0", "method": "session/update", "params": {unknown}}}']
    steps = (
        Step(do="notice", text="Update available!"),
        Step(do="think", text="hm"),
        *(Step(do="raw", text=text) for text in raw),
        Step(do="plan", text="first"),
        *says("a", "b"),
        Step(do="fill", count=200_000),
        Step(do="stop", text="max_tokens"),
    )
    scripted.play(Script(turns=(Turn(steps=steps),)))
    async with started(scripted, tmp_path) as client:
        session = await opened(client, tmp_path)
        assert await client.prompt(session, "go") == "max_tokens"
        assert client.text(session) == "Update available!ab" + "x" * 200_000
        assert [line.rstrip() for line in client.odd] == [
            b"",
            b"no JSON",
            b"[]",
            b'{"jsonrpc": "2.0"}',
            b"\xff",
        ]
        kinds = [update["update"]["sessionUpdate"] for update in client.updates]
        assert kinds[:4] == ["agent_message_chunk", "agent_thought_chunk", "vendor_kind", "plan"]
        assert "messageId" not in client.updates[0]["update"]


async def test_a_tool_that_is_refused_is_not_run_and_the_turn_goes_on(scripted, tmp_path):
    asking = Step(do="ask", kind="edit", path="edited.txt")
    scripted.play(Script(turns=(Turn(steps=(asking, Step(do="vendor", text="look"), *says("done"))),)))
    async with started(scripted, tmp_path) as client:
        session = await opened(client, tmp_path)
        assert await client.prompt(session, "edit") == "end_turn"
        assert client.text(session) == "done"
    assert [line["answer"] for line in scripted.record("permission")] == [{"outcome": "cancelled"}]
    assert [line["error"] for line in scripted.record("answered")] == [-32601]
    assert not (tmp_path / "edited.txt").exists()


async def test_a_cancelled_turn_ends_as_the_script_says(scripted, tmp_path):
    told = {"heeded": ("cancelled", ""), "ignored": ("end_turn", "done"), "late": ("cancelled", "half a sen")}
    async with started(scripted, tmp_path) as client, asyncio.TaskGroup() as tasks:
        for heeds, (reason, text) in told.items():
            silence = Step(do="silence", seconds=0.2 if heeds == "ignored" else None)
            scripted.play(Script(cancel=heeds, turns=(Turn(steps=(silence, *says("done"))),)))
            session = await opened(client, tmp_path)
            turn = tasks.create_task(client.prompt(session, "wait"), name="turn")
            await until_turn(scripted, session)
            client.notify("session/cancel", sessionId=session)
            assert (await turn, client.text(session)) == (reason, text)


async def test_a_second_prompt_in_a_session_fares_as_the_script_says(scripted, tmp_path):
    texts = {"queued": "onetwo", "refused": "one", "merged": "one", "cancels": "two", "mixed": "twoone"}
    async with started(scripted, tmp_path) as client, asyncio.TaskGroup() as tasks:
        for second, text in texts.items():
            # Ended by the test, once the second prompt has come: no race of times.
            first_turn = Turn(when="first", steps=(Step(do="wait_for", text="second"), *says("one")))
            scripted.play(Script(second_prompt=second, turns=(first_turn, Turn(steps=says("two")))))
            session = await opened(client, tmp_path)
            first = tasks.create_task(client.prompt(session, "first"), name="first")
            await until_turn(scripted, session)
            answer = tasks.create_task(answered(client, session, second), name="second")
            assert await first == ("cancelled" if second == "cancels" else "end_turn")
            assert await answer == {"refused": "-32603", "merged": "never"}.get(second, "end_turn")
            assert client.text(session) == text


async def answered(client, session, second):
    try:
        return await client.prompt(session, "second", seconds=0.5 if second == "merged" else SECONDS)
    except TimeoutError:
        return "never"
    except AgentError as error:
        return str(error.code)


async def until_turn(scripted, session):
    await until(lambda: [line for line in scripted.record("turn") if line["session"] == session])


async def test_it_ends_in_mid_turn_and_leaves_its_tools_behind(scripted, tmp_path):
    steps = (Step(do="orphan", seconds=60), *says("half"), Step(do="exit", code=3))
    scripted.play(Script(turns=(Turn(steps=steps),)))
    async with started(scripted, tmp_path) as client, asyncio.TaskGroup() as tasks:
        session = await opened(client, tmp_path)
        turn = tasks.create_task(refused(client, session), name="turn")
        await until(lambda: client.process.returncode is not None)
        orphan = scripted.record("child")[0]["child"]
        try:
            assert client.process.returncode == 3
            assert os.getsid(orphan) == orphan
            # The orphan has the agent's standard output: its end does not come by itself.
            assert not turn.done()
        finally:
            os.kill(orphan, signal.SIGKILL)
        await turn
        assert client.text(session) == "half"


async def refused(client, session):
    with pytest.raises(ConnectionError):
        await client.prompt(session, "go")


async def test_it_ignores_a_sigterm_and_the_end_of_its_input(scripted, tmp_path):
    scripted.play(Script(sigterm="ignored", input_ends="stays"))
    async with started(scripted, tmp_path) as client:
        client.process.send_signal(signal.SIGTERM)
        client.process.stdin.close()
        await until(lambda: scripted.record("ended"))
        assert client.process.returncode is None


async def test_a_wrapper_dies_and_leaves_the_agent_behind(scripted, tmp_path):
    async with asyncio.timeout(SECONDS), running(scripted.wrapped_command, cwd=tmp_path) as client:
        await client.initialize()
        agent = scripted.record("started")[0]["pid"]
        assert agent != client.process.pid
        client.process.send_signal(signal.SIGTERM)
        await until(lambda: client.process.returncode is not None)
        assert await opened(client, tmp_path)
        os.kill(agent, signal.SIGKILL)
