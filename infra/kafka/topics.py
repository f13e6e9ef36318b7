"""What must change so that the topics are as the topology wants them: a pure plan, and its application.

Only what adds is ever planned. Fewer partitions than there are, or another order of regions, would move keys:
that is refused with `topic-mismatch`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.cluster import ReplicaMove
from core.eventlog.topics import TopicSpec
from core.ports import TopicAdmin

MISMATCH = "topic-mismatch"


@dataclass(frozen=True)
class CreateTopic:
    spec: TopicSpec

    def __str__(self) -> str:
        return f"create {self.spec.name} with {self.spec.partitions} partitions"


@dataclass(frozen=True)
class AddPartitions:
    name: str
    present: int
    total: int

    def __str__(self) -> str:
        return f"add partitions to {self.name}: {self.present} -> {self.total}"


@dataclass(frozen=True)
class ChangeConfig:
    name: str
    config: Mapping[str, str]

    def __str__(self) -> str:
        return f"change config of {self.name}: " + ", ".join(f"{k}={v}" for k, v in sorted(self.config.items()))


@dataclass(frozen=True)
class Refusal:
    """Something that no step can repair without moving data. `code` is stable."""

    name: str
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.name}: {self.detail}"


Step = CreateTopic | AddPartitions | ChangeConfig | ReplicaMove


@dataclass(frozen=True)
class TopicPlan:
    steps: tuple[Step, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unknown: tuple[str, ...] = field(default=())

    @property
    def empty(self) -> bool:
        return not self.steps and not self.refusals


class TopicMismatch(Exception):
    """The topics can't be brought to what the settings ask for; nothing was changed."""

    code = MISMATCH

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(map(str, refusals)))
        self.refusals = refusals


def plan(
    wanted: Iterable[TopicSpec], present: Mapping[str, TopicSpec], misplaced: Iterable[ReplicaMove] = ()
) -> TopicPlan:
    """The steps from `present` to `wanted`. Topics that nobody wants are named and left alone."""
    steps: list[Step] = []
    refusals: list[Refusal] = []
    names = set()
    for spec in wanted:
        names.add(spec.name)
        there = present.get(spec.name)
        if there is None:
            steps.append(CreateTopic(spec))
            continue
        if there.partitions > spec.partitions:
            refusals.append(Refusal(spec.name, MISMATCH, _too_many(there.partitions, spec.partitions)))
        elif there.partitions < spec.partitions:
            steps.append(AddPartitions(spec.name, there.partitions, spec.partitions))
        changed = {name: value for name, value in spec.config.items() if there.config.get(name) != value}
        if changed:
            steps.append(ChangeConfig(spec.name, changed))
    return TopicPlan((*steps, *misplaced), tuple(refusals), tuple(sorted(set(present) - names)))


def look(admin: TopicAdmin, wanted: Iterable[TopicSpec]) -> TopicPlan:
    """What there would be to do, replicas included."""
    specs = tuple(wanted)
    return plan(specs, admin.describe(), admin.misplaced(spec.name for spec in specs))


def apply(admin: TopicAdmin, wanted: Iterable[TopicSpec]) -> TopicPlan:
    """Do what plan() says and answer with it. Raises TopicMismatch, before any change, where it refuses."""
    todo = look(admin, wanted)
    if todo.refusals:
        raise TopicMismatch(todo.refusals)
    admin.create([step.spec for step in todo.steps if isinstance(step, CreateTopic)])
    for step in todo.steps:
        if isinstance(step, AddPartitions):
            admin.add_partitions(step.name, step.total)
        elif isinstance(step, ChangeConfig):
            admin.set_config(step.name, step.config)
    admin.place([step for step in todo.steps if isinstance(step, ReplicaMove)])
    return todo


def _too_many(present: int, wanted: int) -> str:
    return (
        f"has {present} partitions, the settings ask for {wanted}; partitions can't be taken away. "
        "Put back the regions (in their order) and partitions_per_region that the topic was made with"
    )
