"""A fact's line is the one that its event would have, whatever its kind, its values, and what is around it."""

from __future__ import annotations

import dataclasses
import json

import pytest
import structlog

from mycel_runtime.known_secrets import forget_all, remember_secret
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe import facts, rendering
from mycel_runtime.observe.fact_fields import fields_of
from mycel_runtime.observe.fact_lines import FactLines, _kind
from mycel_runtime.observe.facts import Fact, MessageSent

KINDS = [getattr(facts, name) for name in facts.__all__ if hasattr(getattr(facts, name), "name")]

TIME = "2026-11-30T00:00:00.000000Z"
BOUND = {"agent": '100 %s {of} "it"', "process": "p"}
TEXTS = [
    "plain",
    '"quoted" \\ %s \x00\x7f\x9b\u2028é',
    "Authorization: Bearer abcdefgh",
    "to",
    "toKen=abcdefgh",
    "the secret of ours",
    "https://user:password@host",
    "",
]


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch):
    for module in ("rendering", "fact_lines"):
        monkeypatch.setattr(f"mycel_runtime.observe.{module}.time_text", lambda: TIME)
    remember_secret("secret of ours")
    yield
    forget_all()


def made(kind, text):
    """Of this kind, with the text wherever one may be."""
    values = {"int": 3, "float": 0.5, "bool": True}
    return kind(**{field.name: values.get(field.type, text) for field in dataclasses.fields(kind)})


def told_by_event(fact, **more):
    """By the way that all other lines take."""
    event = {**BOUND, **fields_of(fact), **more, "event": fact.name}
    structlog.contextvars.merge_contextvars(None, fact.level, event)
    event["level"] = fact.level
    return rendering.json_line(event)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_line_is_as_its_events(kind, text):
    lines, fact = FactLines(BOUND), made(kind, text)

    assert lines.line(fact, 0) == told_by_event(fact)
    assert lines.line(fact, 7) == told_by_event(fact, repeated=7)
    with structlog.contextvars.bound_contextvars(of_a_handler="token=abcdefgh"):
        assert lines.line(fact, 0) == told_by_event(fact)
    assert json.loads(lines.line(fact, 0))["event"] == fact.name


@pytest.mark.parametrize("bound", [{"agent": "my token: abcdefgh"}, {"token": "abcdefgh"}])
def test_a_secret_that_is_bound_is_masked_in_each_line(bound):
    line = FactLines(bound).line(MessageSent(handler="h", chat_id="c", message_seq=3), 0)

    assert "abcdefgh" not in line
    assert "***" in line


def test_a_kind_whose_fields_stand_for_what_is_bound_has_lines_too():
    @dataclass(frozen=True, slots=True, kw_only=True)
    class OfAnother(Fact):
        name = "other.told"
        agent: str

    fact = OfAnother(agent="another")

    assert FactLines(BOUND).line(fact, 0) == told_by_event(fact)
    assert json.loads(FactLines(BOUND).line(fact, 0))["agent"] == "another"


def test_a_form_is_made_once_for_all_agents_and_each_line_has_its_own():
    fact = MessageSent(handler="h", chat_id="c", message_seq=3)
    _kind.cache_clear()
    lines = [json.loads(FactLines({"agent": f"a{number}"}).line(fact, 0)) for number in range(20)]

    assert [line["agent"] for line in lines] == [f"a{number}" for number in range(20)]
    assert _kind.cache_info().misses == 1
