"""Durations are binned as the library bins them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from mycel_runtime.daemon.metrics.bins import Bins

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
