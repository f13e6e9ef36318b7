"""What kind of world a seed makes: its size, its settings, and which faults come how often. Printed with a failure."""

from dataclasses import dataclass
from random import Random

SAFE_SECONDS = 90.0


@dataclass(frozen=True)
class Options:
    """Counts; `*_seconds`; shares from 0 to 1. `faults` names those that happen, `every_seconds` one of them."""

    seed: int
    processors: int
    gateways: int
    workers: int
    projectors: int
    agents: int
    slots: int
    apps: int
    pushes: int
    active_seconds: float
    max_batch: int
    checkpoint_events: int
    retention_seconds: float
    remembered_commands: int
    refusing: float
    repeating: float
    every_seconds: float
    faults: tuple[str, ...]
    deliverers: int
    rollouts: int
    lock_seconds: int
    superseded_snapshots: int


FAULTS = (
    "kill",
    "kill-soon",
    "trap",
    "freeze",
    "cut-off",
    "join-and-leave",
    "part",
    "snap",
    "clock",
    "disk-full",
    "slow",
    "views-away",
    "views-crash",
    "sites-away",
    "overtake",
    "lie",
    "false-report",
)


def options_of(seed: int) -> Options:
    """The same for the same seed. One world in eight has no faults at all: what fails there is no fault's doing."""
    random = Random(f"options {seed}")
    calm = random.random() < 0.125
    faults = () if calm else tuple(name for name in FAULTS if random.random() < 0.5)
    return Options(
        seed=seed,
        processors=random.randint(1, 3),
        gateways=random.randint(1, 2),
        workers=random.randint(1, 2),
        projectors=random.randint(1, 2),
        agents=random.randint(1, 3),
        slots=random.randint(1, 4),
        apps=random.randint(1, 4),
        pushes=random.choice((5, 12, 30)),
        active_seconds=random.choice((20.0, 40.0, SAFE_SECONDS)),
        max_batch=random.choice((3, 20, 500)),
        checkpoint_events=random.choice((5, 50, 400)),
        retention_seconds=random.choice((20.0, 120.0, 3600.0)),
        remembered_commands=512,
        refusing=0.0 if calm else random.choice((0.0, 0.0, 0.002, 0.01)),
        repeating=0.0 if calm else random.choice((0.0, 0.02, 0.1)),
        every_seconds=random.choice((2.0, 5.0, 15.0)),
        faults=faults,
        deliverers=random.choice((1, 2, 2)),
        rollouts=random.choice((0, 6, 20)),
        lock_seconds=random.choice((8, 300)),
        superseded_snapshots=random.choice((0, 30, 5000)),
    )
