"""A model may call what its owner has offered, with arguments of the right types, and nothing else."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from mycel_runtime_plugins.llm.answer import ToolCall
from mycel_runtime_plugins.llm.settings import Texts
from mycel_runtime_plugins.llm.tools import ToolsError, call_tool, load_tools

TOOLS = '''
import os
import time
from pathlib import Path
from pydantic import BaseModel

class Place(BaseModel):
    city: str

def add(first: int, second: int = 1) -> int:
    """Adds two numbers."""
    return first + second

async def where(place: Place) -> dict[str, str]:
    return {"in": place.city}

def fail(why: str) -> None:
    raise {"value": ValueError("say it otherwise"), "key": KeyError("a secret")}[why]

def leave() -> None:
    raise SystemExit

def hang(until: Path) -> None:
    while not until.exists():
        time.sleep(0.01)

def talk(length: int) -> str:
    return "x" * length

def _hidden() -> None:
    """Not theirs."""
'''


@pytest.fixture
def tools_file(tmp_path):
    path = tmp_path / "tools.py"
    path.write_text(TOOLS)
    return path


@pytest.fixture
def broken_file(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import nothing_of_that_name")
    return path


def called(name, arguments="{}"):
    return ToolCall(id="t", name=name, arguments=arguments)


def test_public_functions_of_the_file_are_offered_and_nothing_that_it_imports(tools_file):
    tools = load_tools(tools_file)

    assert list(tools) == ["add", "where", "fail", "leave", "hang", "talk"]
    assert tools["add"].description == "Adds two numbers."
    assert tools["add"].schema["required"] == ["first"]
    assert tools["add"].schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("add", '{"first": 2, "second": 3}', "5"),
        ("add", '{"first": "2"}', "3"),
        ("where", '{"place": {"city": "Rome"}}', '{"in":"Rome"}'),
        ("talk", '{"length": 101}', f"{'x' * 100}\n[1 characters left out]"),
        ("fail", '{"why": "value"}', "error: say it otherwise"),
        ("fail", '{"why": "key"}', "error: KeyError"),
        ("leave", "", "error: RuntimeError"),
        ("add", "{}", "error: first: Missing required argument"),
        ("add", '{"first": 1, "third": 1}', "error: third: Unexpected keyword argument"),
        ("add", "[1]", "error: the arguments must be an object"),
        ("add", "{1", "error: the arguments are no JSON"),
        (
            "_hidden",
            "{}",
            "error: there is no such tool; there are: add, where, fail, leave, hang, talk",
        ),
        ("os.system", "{}", "error: there is no such tool; there are: add, where, fail, leave, hang, talk"),
    ],
)
async def test_what_a_model_is_told_of_its_call(tools_file, name, arguments, expected):
    told = await call_tool(load_tools(tools_file), called(name, arguments), seconds=30, characters=100)

    assert told.replace("ValueError: ", "") == expected


async def test_a_function_that_hangs_is_left_behind(tools_file):
    end = tools_file.with_name("end")
    call = called("hang", json.dumps({"until": str(end)}))

    told = await call_tool(load_tools(tools_file), call, seconds=0.05, characters=100)

    assert told == "error: it did not return within 0.05 s"
    end.touch()
    # Else its folder may be removed before it looks, and it would go on until the interpreter ends it.
    for left in threading.enumerate():
        if left.name == "llm-tool":
            await asyncio.to_thread(left.join, 10)
            assert not left.is_alive()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1", "has no function"),
        ("def f(a): ...", "f: the parameter a needs a type"),
        ("def f(*a: int): ...", "f: the parameter a cannot be given by name"),
        ("def f(a: int, /): ...", "f: the parameter a cannot be given by name"),
        ("import ssl\ndef f(a: ssl.SSLContext): ...", "f: a type is none that JSON could be"),
        ("def é(): ...", "needs a name of ASCII letters"),
        ("raise OSError('no')", "cannot be imported: OSError: no"),
        ("def f(:", "cannot be imported: SyntaxError"),
    ],
)
def test_a_file_that_no_model_could_use_is_refused(tmp_path, source, problem):
    path = tmp_path / "tools.py"
    path.write_text(source)

    with pytest.raises(ToolsError, match=problem):
        load_tools(path)


@pytest.mark.slow
async def test_tools_are_called_round_by_round_and_only_the_end_is_said(mycel, endpoint, model, tools_file):
    ada = await mycel.human("Ada")
    await model(tools=str(tools_file))
    endpoint.will(
        endpoint.says("Let me see.", stop="tools", calls=[("add", '{"first": 2}'), ("rm", "{}")]),
        endpoint.says(stop="tools", calls=[("add", '{"first": 3}')]),
        endpoint.says("4"),
    )

    await ada.says("count")

    await ada.hears("4")
    await ada.hears_nothing()
    assert "Let me see." not in await ada.transcript()
    assert "no such tool" in str(endpoint.asked[1].body["messages"])
    assert len(endpoint.asked[0].body["tools"]) == 6


@pytest.mark.slow
@pytest.mark.parametrize("api", ["openai"])
async def test_a_model_that_never_comes_to_an_end_is_given_up(mycel, endpoint, model, tools_file):
    ada = await mycel.human("Ada")
    agent = await model(tools=str(tools_file), tool_rounds=2)
    endpoint.otherwise = endpoint.says(stop="tools", calls=[("add", '{"first": 2}')])

    await ada.says("count")

    await ada.hears(Texts().odd)
    await mycel.settles()
    assert len(endpoint.asked) == 2 * 3
    (letter,) = await agent.dead_letters()
    assert letter.reason == "Reject: odd: it still wants tools after 2 rounds"


@pytest.mark.slow
@pytest.mark.parametrize("api", ["openai"])
async def test_tools_that_cannot_be_loaded_are_told_at_the_start(mycel, endpoint, model, broken_file):
    ada = await mycel.human("Ada")
    await model(tools=str(broken_file))

    await ada.says("hello")

    await ada.hears_nothing()
    assert endpoint.asked == []
