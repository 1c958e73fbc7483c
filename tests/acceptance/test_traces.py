"""A delivery is one trace, from its frame to its stored answer; a real receiver has it from the real SDK."""

from __future__ import annotations

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import write_config
from tests.acceptance.trace_receiver import attributes, receiving

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

TEXT = "a canary that sings of 4711"

HANDLER = """
from opentelemetry import trace
from mycel_runtime import Plugin

plugin = Plugin("mine")
tracer = trace.get_tracer("mine")


@plugin.on_message
def answer(ctx):
    with tracer.start_as_current_span("thinking", record_exception=False, set_status_on_exception=False):
        if ctx.attempt == 1:
            raise ValueError(ctx.messages[-1].content)
        ctx.reply(ctx.messages[-1].content)
"""


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


def is_second_end(span):
    return attributes(span).get("mycel.end") == "finished" and bool(span.parent_span_id)


def test_a_delivery_is_one_trace_over_its_attempts_and_the_handlers_own_spans_are_in_it(
    start, household, tmp_path, receiver
):
    extra = f'[tracing]\nendpoint = "{receiver.endpoint}"\n[dispatch]\nretry_base = 0.05\n'
    config = write_config(tmp_path / "a", household, extra, '[plugins.mine]\npath = "mine.py"\n')
    (config.parent / "mine.py").write_text(HANDLER)
    agent = start("run", "--config", config, OTEL_BSP_SCHEDULE_DELAY="100")
    agent.wait_event("stream.connected")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.create([household.agent_id])
        owner.messages.send(chat["id"], TEXT)
        spans = receiver.wait_for(lambda found: any(map(is_second_end, found)))
    assert agent.stop() == 0

    (trace_id,) = {each.trace_id for each in spans if each.name == "thinking"}
    trace = [each for each in spans if each.trace_id == trace_id]
    trace.sort(key=lambda each: (each.start_time_unix_nano, each.end_time_unix_nano))
    first, second = (each for each in trace if each.name == "delivery")

    def tree(span):
        children = [each for each in trace if each.parent_span_id == span.span_id and each.name != "delivery"]
        for child in children:
            assert span.start_time_unix_nano <= child.start_time_unix_nano
            assert child.end_time_unix_nano <= span.end_time_unix_nano
        return {each.name: tree(each) for each in children}

    assert first.parent_span_id == b""
    assert second.parent_span_id == first.span_id
    assert tree(first) == {
        "frame.journal": {},
        "lane.wait": {},
        "chat.read": {},
        "handler.run": {"thinking": {}},
        "delivery.finish": {},
    }
    assert tree(second) == {
        "lane.wait": {},
        "chat.read": {},
        "handler.run": {"thinking": {"reply.prove": {}, "reply.send": {}}},
        "delivery.finish": {},
    }
    assert [attributes(each)["mycel.end"] for each in (first, second)] == ["postponed", "finished"]
    assert [each.status.code for each in (first, second)] == [2, 0]
    assert [each.name for each in second.events] == ["message.sent", "delivery.finished"]
    assert attributes(second)["mycel.handler"] == "mine.answer"
    assert receiver.resources[0]["service.name"] == "mycel-runtime"
    told = b"".join(receiver.bodies)
    for secret in (TEXT, "canary", household.agent_token, chat["id"]):
        assert secret.encode() not in told
