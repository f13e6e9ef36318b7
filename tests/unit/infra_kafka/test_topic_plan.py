"""The plan of topics, without a broker."""

from core.eventlog.topics import TopicSpec, Topology
from infra.kafka.topics import AddPartitions, ChangeConfig, CreateTopic, plan

ONE = Topology(("us-east", "eu-west"))


def present(topology: Topology) -> dict[str, TopicSpec]:
    return {spec.name: spec for spec in topology.topic_specs()}


def test_nothing_there_means_create_everything() -> None:
    todo = plan(ONE.topic_specs(), {})

    assert todo.steps == tuple(map(CreateTopic, ONE.topic_specs()))
    assert not todo.refusals


def test_everything_as_wanted_means_nothing_to_do() -> None:
    assert plan(ONE.topic_specs(), present(ONE)).empty


def test_new_region_adds_partitions_to_every_topic() -> None:
    grown = Topology((*ONE.regions, "ap-south"))

    todo = plan(grown.topic_specs(), present(ONE))

    assert todo.steps == tuple(AddPartitions(spec.name, 2, 3) for spec in ONE.topic_specs())


def test_fewer_regions_are_refused_for_every_topic_with_what_to_do() -> None:
    todo = plan(Topology(("us-east",)).topic_specs(), present(ONE))

    assert not todo.steps
    assert {refusal.code for refusal in todo.refusals} == {"topic-mismatch"}
    assert len(todo.refusals) == len(ONE.topic_specs())
    assert "has 2 partitions, the settings ask for 1" in str(todo.refusals[0])


def test_only_settings_that_are_asked_for_and_differ_are_changed() -> None:
    there = {"t": TopicSpec("t", 1, {"retention.ms": "5", "cleanup.policy": "delete", "segment.bytes": "9"})}

    todo = plan([TopicSpec("t", 1, {"retention.ms": "-1", "cleanup.policy": "delete"})], there)

    assert todo.steps == (ChangeConfig("t", {"retention.ms": "-1"}),)


def test_topics_that_nobody_wants_are_named_and_left_alone() -> None:
    extra = {"sealane.old": TopicSpec("sealane.old", 1, {})}

    todo = plan(ONE.topic_specs(), present(ONE) | extra)

    assert todo.empty
    assert todo.unknown == ("sealane.old",)


def test_steps_and_refusals_read_well() -> None:
    steps = (
        CreateTopic(TopicSpec("t", 3, {})),
        AddPartitions("t", 2, 3),
        ChangeConfig("t", {"b": "2", "a": "1"}),
    )

    assert list(map(str, steps)) == [
        "create t with 3 partitions",
        "add partitions to t: 2 -> 3",
        "change config of t: a=1, b=2",
    ]
