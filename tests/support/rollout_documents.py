"""Rollouts and deployments as the API tells of them, for what shows them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from projections.queries.rollout_types import (
    CheckSeries,
    DeploymentDetail,
    DeploymentStep,
    Placement,
    Point,
    ReleaseBrief,
    RolloutDetail,
    SetNow,
)

Json = dict[str, Any]
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
RELEASE = ReleaseBrief(id="2-bbbbbbbb", commit="b" * 40, author="ada", title="a change")
_NEVER: Json = dict.fromkeys(
    (
        "outcome",
        "finished_at",
        "hold_until",
        "remaining_seconds",
        "answer_by",
        "deadline_at",
        "paused",
        "rollback",
        "rollback_to",
        "now_on",
        "analysis",
        "activated_at",
        "watch_until",
        "watch_ended",
        "duration_seconds",
    )
)


def deployment(region: str = "us-east", **changed: Any) -> DeploymentDetail:
    """A canary that holds its first step at 25%."""
    known: Json = {
        "id": f"{region}-0123456789abcdef",
        "app": "shop",
        "environment": "production",
        "region": region,
        "rollout_id": "us-east-fedcba9876543210",
        "kind": "deploy",
        "release": RELEASE,
        "strategy": "canary",
        "by": "ada",
        "automatic": False,
        "override_reason": "",
        "state": "holding",
        "code": "",
        "detail": "",
        "reason": "",
        "step": 0,
        "steps_total": 2,
        "weight": 25,
        "requested_at": START,
        "started_at": START,
        "epoch": 1,
        "steps": (
            step(0, 25, "holding"),
            step(1, 100, "pending"),
        ),
        "weights": {"2-bbbbbbbb": 25, "1-aaaaaaaa": 75},
        "holds": False,
        "current": "1-aaaaaaaa",
        "analysis_detail": "",
        "address": "http://127.0.0.1:8000",
        "sets": (running("2-bbbbbbbb", 25), running("1-aaaaaaaa", 75)),
        "actions": (),
        "traffic": (),
        "health": (),
        "checks": (series("error-rate", [0.0, 0.005, 0.01], maximum=0.01),),
        "samples": 3,
    }
    return DeploymentDetail(**(_NEVER | known | changed))


def step(index: int, weight: int, state: Any) -> DeploymentStep:
    return DeploymentStep(
        index=index, name=f"canary {weight}%", weight=weight, hold_seconds=300, analyse=True, state=state
    )


def running(name: str, weight: int, **changed: Any) -> SetNow:
    known: Json = {"name": name, "release_id": name, "running": 2, "ready": 2, "weight": weight}
    return SetNow(**(known | changed))


def series(name: str, values: list[float | None], maximum: float | None = None, result: str = "passed") -> CheckSeries:
    points = tuple(
        Point(
            number=number,
            at=START + timedelta(seconds=number),
            outcome="empty" if value is None else "value",
            result="inconclusive" if value is None else result,
            value=value,
            baseline=None,
            requests=40,
        )
        for number, value in enumerate(values, start=1)
    )
    return CheckSeries(name=name, metric=name, max=maximum, points=points)


def placement(of: DeploymentDetail | None, region: str = "us-east", **changed: Any) -> Placement:
    known: Json = {
        "region": region,
        "deployment_id": f"{region}-0123456789abcdef",
        "wave": 0,
        "rollback": False,
        "release_id": RELEASE.id,
        "started_at": START,
        "outcome": None,
        "code": "",
        "detail": "",
        "finished_at": None,
        "watching": False,
        "watched_at": None,
        "breached": False,
        "requests": None,
        "deployment": of,
    }
    return Placement(**(known | changed))


def rollout(*placements: Placement, **changed: Any) -> Json:
    """As JSON brings it; two regions in two waves."""
    known: Json = {
        "id": "us-east-fedcba9876543210",
        "app": "shop",
        "environment": "production",
        "number": 5,
        "region": "us-east",
        "kind": "deploy",
        "release": RELEASE,
        "strategy": "canary",
        "by": "ada",
        "automatic": False,
        "run_id": "",
        "stage": "",
        "waves": (("us-east",), ("eu-west",)),
        "wave": 0,
        "state": "deploying",
        "outcome": None,
        "code": "",
        "detail": "",
        "reason": "",
        "override_reason": "",
        "created_at": START,
        "finished_at": None,
        "duration_seconds": 75.0,
        "releases": {},
        "approval": None,
        "hooks": (),
        "bake": None,
        "halted": None,
        "paused": None,
        "aborted": None,
        "placements": placements,
    }
    return as_json(RolloutDetail(**(known | changed)))


def as_json(document: msgspec.Struct) -> Json:
    found: Json = json.loads(msgspec.json.encode(document))
    return found
