"""Requests are counted over proxies that come and go."""

from pathlib import Path

import pytest

from agents.targets.haproxy.counts import Counts


@pytest.fixture
def counts(tmp_path: Path) -> Counts:
    return Counts(tmp_path / "counts.json")


def test_counts_grow_with_the_proxy(counts: Counts) -> None:
    counts.note("p1", {"set0": 10}, {"v1": "set0"})

    assert counts.read("p1", {"set0": 25}, {"v1": "set0"}) == {"v1": 25}


def test_set_that_is_new_in_its_slot_begins_at_nothing(counts: Counts) -> None:
    counts.note("p1", {"set0": 10}, {"v1": "set0"})
    counts.note("p1", {"set0": 12}, {})

    assert counts.read("p1", {"set0": 15}, {"v2": "set0"}) == {"v2": 3}


def test_next_proxy_goes_on_where_the_last_one_was_seen(counts: Counts) -> None:
    counts.note("p1", {"set0": 10}, {"v1": "set0"})

    assert counts.read("p2", {"set0": 4}, {"v1": "set0"}) == {"v1": 14}
    counts.note("p2", {"set0": 5}, {"v1": "set0"})
    assert counts.read("p2", {"set0": 5}, {"v1": "set0"}) == {"v1": 15}


def test_nothing_is_known_of_a_proxy_that_is_gone_but_what_was_seen(counts: Counts) -> None:
    counts.note("p1", {"set0": 10}, {"v1": "set0"})

    assert counts.read("", {}, {"v1": "set0"}) == {"v1": 10}
