"""What a TopicAdmin promises, and that the plan of topics comes to rest on it."""

import pytest

from core.eventlog.topics import TopicSpec
from core.ports import LogUnavailable, TopicPartition
from infra.kafka.topics import AddPartitions, ChangeConfig, CreateTopic, TopicMismatch, apply, plan
from tests.contract.groups import Member, poll_until
from tests.contract.worlds import World, new_name, new_topic


def spec(name: str, partitions: int, retention: str = "-1") -> TopicSpec:
    return TopicSpec(name, partitions, {"cleanup.policy": "delete", "retention.ms": retention})


def test_created_topics_are_described_as_wanted(world: World) -> None:
    wanted = spec(f"sealane.{new_name()}", 3)

    world.admin().create([wanted])

    found = world.admin().describe()[wanted.name]
    assert found.partitions == 3
    assert wanted.config.items() <= found.config.items()


def test_creating_what_is_there_changes_nothing(world: World) -> None:
    name = f"sealane.{new_name()}"
    world.admin().create([spec(name, 1)])

    world.admin().create([spec(name, 2)])

    assert world.admin().describe()[name].partitions == 1


def test_topics_of_others_are_not_described(world: World) -> None:
    foreign = new_name()
    world.admin().create([spec(foreign, 1)])

    assert foreign not in world.admin().describe()


def test_partitions_are_added_but_never_taken_away(world: World) -> None:
    name = f"sealane.{new_name()}"
    world.admin().create([spec(name, 2)])

    world.admin().add_partitions(name, 4)

    assert world.admin().describe()[name].partitions == 4
    with pytest.raises(LogUnavailable):
        world.admin().add_partitions(name, 3)


def test_set_config_changes_one_entry_and_leaves_the_others(world: World) -> None:
    name = f"sealane.{new_name()}"
    world.admin().create([spec(name, 1)])

    world.admin().set_config(name, {"retention.ms": "1000"})

    config = world.admin().describe()[name].config
    assert (config["retention.ms"], config["cleanup.policy"]) == ("1000", "delete")


def test_applying_a_plan_leaves_nothing_to_do(world: World) -> None:
    fresh, grown, changed = (f"sealane.{new_name()}" for _ in range(3))
    world.admin().create([spec(grown, 1), spec(changed, 2)])
    wanted = [spec(fresh, 3), spec(grown, 3), spec(changed, 2, retention="5000")]

    done = apply(world.admin(), wanted)

    assert [type(step) for step in done.steps] == [CreateTopic, AddPartitions, ChangeConfig]
    assert plan(wanted, world.admin().describe()).empty


def test_fewer_partitions_are_refused_and_nothing_is_changed(world: World) -> None:
    shrunk, fresh = (f"sealane.{new_name()}" for _ in range(2))
    world.admin().create([spec(shrunk, 3)])

    with pytest.raises(TopicMismatch, match="topic-mismatch") as refusal:
        apply(world.admin(), [spec(fresh, 1), spec(shrunk, 2)])

    assert [each.name for each in refusal.value.refusals] == [shrunk]
    assert fresh not in world.admin().describe()


def test_offsets_of_a_group_are_told_and_set(world: World) -> None:
    group, topic = new_name(), new_topic(world, 3)
    told, other = TopicPartition(topic, 0), TopicPartition(topic, 2)
    assert world.admin().group_offsets(group, [told, other]) == {}

    world.admin().set_group_offsets(group, {told: 5})

    assert world.admin().group_offsets(group, [told, other]) == {told: 5}
    assert world.consumer(group).committed([told]) == {told: 5}


def test_offsets_of_a_group_at_work_are_not_set(world: World) -> None:
    group, topic = new_name(), new_topic(world)
    member = Member(world, group, topic)
    poll_until(member, lambda: bool(member.owned))

    with pytest.raises(LogUnavailable, match="it has members"):
        world.admin().set_group_offsets(group, {TopicPartition(topic, 0): 5})
