"""Durations are binned as the library bins them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from mycel_runtime.daemon.metrics.bins import Bins
from mycel_runtime.daemon.metrics.fact_counts import FACT_COUNTS, FactCounts
from mycel_runtime.daemon.metrics.histograms import Histograms
from mycel_runtime.observe.facts import FramesCommitted

BOUNDS = (0.0005, 0.01, 1.0, 30.0)


@given(st.lists(st.one_of(st.sampled_from([0.0, *BOUNDS]), st.floats(0.0, 100.0))))
def test_buckets_and_sum_are_those_of_the_library(durations):
    registry, bins = CollectorRegistry(), Bins(BOUNDS)
    library = Histogram("h", "", registry=registry, buckets=BOUNDS)
    for each in durations:
        bins.observe(each)
        library.observe(each)

    (family,) = registry.collect()

    assert [
        (each.labels["le"], each.value) for each in family.samples if each.name == "h_bucket"
    ] == bins.buckets
    assert [each.value for each in family.samples if each.name == "h_sum"] == [bins.sum]


def test_agents_of_which_nothing_is_to_be_told_keep_no_numbers():
    """A process may have a thousand: zeros, and the labels of everything that may happen, are made when asked for."""
    facts, durations = FactCounts(agent="a", handlers=["p.f", "p.g"]), Histograms(agent="a", handlers=["p.f"])
    told = [sample for part in (facts, durations) for family in part.families() for sample in family.samples]

    assert {sample.value for sample in told} == {0.0}
    assert len({sample.name for sample in told}) > len(FACT_COUNTS)
    assert facts._counts == durations._calls == {}
    assert [each._counts for each in (*durations._call.values(), durations._commit)] == [None] * 6


def test_what_has_happened_stands_beside_the_zeros():
    facts = FactCounts(agent="a", handlers=["p.f"])
    facts.tell(FramesCommitted(received=3, new=2, epoch=1, since_seq=3))

    values = {
        sample.name: sample.value
        for family in facts.families()
        for sample in family.samples
        if not sample.labels.keys() - {"agent"}
    }
    assert (
        values["mycel_runtime_frames_received_total"],
        values["mycel_runtime_frames_duplicate_total"],
    ) == (3, 1)
