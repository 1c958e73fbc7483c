"""The table of events says what the code says, and the code says what each field is."""

from __future__ import annotations

import dataclasses

import pytest

from tests.architecture.events_page import PAGE, all_facts, field_meanings, meaning, page


@pytest.mark.parametrize("fact", all_facts(), ids=lambda fact: fact.__name__)
def test_a_fact_says_what_it_means_and_what_each_of_its_fields_is(fact):
    fields = {field.name for field in dataclasses.fields(fact)}

    assert "__doc__" in vars(fact)
    assert meaning(fact)
    assert {name for name, text in field_meanings(fact).items() if text} == fields
    assert set(fact.alike_by or ()) <= fields


def test_the_table_of_events_is_in_step():
    assert PAGE.read_text() == page(), "write it anew: python -m tests.architecture.events_page"
