from __future__ import annotations

import json

import pytest

from mycel_runtime.mcp_server.tool import TOOLS, unknown


class Untouched:
    """A toolbox that nobody may ask."""

    def __getattr__(self, name):
        raise AssertionError(name)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_schemas_forbid_what_the_tool_does_not_know(tool):
    listed = tool.listed()

    assert listed.input_schema["additionalProperties"] is False
    assert (listed.input_schema["type"], listed.output_schema["type"]) == ("object", "object")
    assert "title" in listed.input_schema
    assert listed.description


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
async def test_a_misspelt_argument_is_refused_and_named_before_anything_is_asked(tool):
    result = await tool.call(Untouched(), {"chat_id": "c", "text": "secret", "chatid": "c"})

    assert result.is_error
    (block,) = result.content
    assert "chatid" in block.text
    assert "secret" not in block.text


@pytest.mark.parametrize("limit", ["5", 0, 201, True, None])
async def test_nothing_is_converted(limit):
    result = await TOOLS["read"].call(Untouched(), {"chat_id": "c", "limit": limit})

    assert result.is_error
    assert "limit" in result.content[0].text


async def test_a_result_is_structured_and_one_block_also_if_it_is_empty():
    class Empty:
        async def begin_call(self):
            pass

        async def read(self, arguments):
            return {"messages": [], "has_more": False}

    class Box(Empty):
        pass

    tool = TOOLS["read"]
    result = await type(tool)(
        name=tool.name,
        description=tool.description,
        arguments=tool.arguments,
        result=tool.result,
        run=Box.read,
    ).call(Box(), {"chat_id": "c"})

    assert not result.is_error
    assert result.structured_content == json.loads(result.content[0].text)
    assert len(result.content) == 1


def test_a_tool_that_is_not_there_is_told_with_those_that_are():
    result = unknown("send")

    assert result.is_error
    assert "reply" in result.content[0].text
