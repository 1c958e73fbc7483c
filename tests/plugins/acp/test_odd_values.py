"""JSON of any kind in each place of an update or a request for permission: an agent's line ends nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime_plugins.acp.answer import Answer
from mycel_runtime_plugins.acp.permission import AllowRule, permission_answer
from mycel_runtime_plugins.acp.tool_calls import ToolCalls
from mycel_runtime_plugins.acp.wanted import Wanted

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)

NAMES = ("agent_message_chunk", "user_message_chunk", "tool_call", "tool_call_update", "plan")

UPDATES = st.fixed_dictionaries(
    {"sessionUpdate": st.sampled_from(NAMES) | ANYTHING},
    optional=dict.fromkeys(
        ("toolCallId", "content", "messageId", "kind", "title", "rawInput", "locations", "_meta"), ANYTHING
    ),
)

REQUESTS = st.fixed_dictionaries({}, optional={"toolCall": UPDATES | ANYTHING, "options": ANYTHING})


@given(st.lists(UPDATES, max_size=4), st.booleans())
def test_updates(updates, is_cut):
    answer, calls = Answer("hello", most=10), ToolCalls()
    for update in updates:
        answer.add(update, is_cut=is_cut)
        calls.note(update, is_cut=is_cut)
        calls.completed(update)
    assert len(answer.text) <= 10 + 2 * len(updates)


@given(REQUESTS)
def test_requests_for_permission(request):
    Wanted.of(request)
    answer = permission_answer(request, [AllowRule(kind="read", path=".")], "/tmp")
    assert answer.is_allowed in {True, False}
