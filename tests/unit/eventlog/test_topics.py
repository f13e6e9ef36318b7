"""Topics, region blocks, and the place of a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.eventlog.topics import CONTEXTS, Topology, commands_topic, events_topic, murmur2, snapshots_topic

THREE = Topology(("us-east", "eu-west", "ap-south"), partitions_per_region=4)

# From Kafka's own org.apache.kafka.common.utils.UtilsTest.
VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), VECTORS.items())
def test_murmur2_is_kafkas(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed % 2**32


def test_each_region_owns_a_block_in_its_order() -> None:
    assert [THREE.block(region) for region in THREE.regions] == [range(4), range(4, 8), range(8, 12)]
    assert THREE.partitions == 12
    assert [THREE.region_of(n) for n in (0, 3, 4, 11)] == ["us-east", "us-east", "eu-west", "ap-south"]


def test_unknown_region_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"unknown region 'mars' \(configured: us-east, eu-west, ap-south\)"):
        THREE.block("mars")


@given(st.text(min_size=1), st.sampled_from(THREE.regions))
def test_key_lies_in_the_block_of_its_region(key: str, region: str) -> None:
    assert THREE.partition(region, key) in THREE.block(region)


@given(st.text(min_size=1), st.sampled_from(THREE.regions))
def test_adding_a_region_moves_no_key(key: str, region: str) -> None:
    grown = Topology((*THREE.regions, "sa-east"), THREE.partitions_per_region)

    assert grown.partition(region, key) == THREE.partition(region, key)


def test_keys_spread_over_the_block() -> None:
    used = {THREE.partition("eu-west", f"run/{n}") for n in range(100)}

    assert used == set(THREE.block("eu-west"))


def test_every_topic_has_a_partition_for_every_place_and_events_are_kept_for_ever() -> None:
    specs = {spec.name: spec for spec in THREE.topic_specs()}

    assert {spec.partitions for spec in specs.values()} == {12}
    for context in CONTEXTS:
        assert specs[events_topic(context)].config["retention.ms"] == "-1"
        assert specs[snapshots_topic(context)].config["cleanup.policy"] == "compact"
        assert commands_topic(context) in specs
