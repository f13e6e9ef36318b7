"""Rollouts to begin a test with, and the words of people, deployments and the deployer."""

from typing import Any

import msgspec

from core.environments.release import Artifact, Release
from core.environments.settings import EnvironmentSettings, Hook, ProcessTarget
from core.pipeline.plan import Approval
from core.rollouts import commands as c
from core.rollouts import events as e
from core.rollouts.aggregate import ROLLOUT
from tests.support.given import Scene, given

ID = "us-east-0123456789abcdef"
US, EU, AP = "us-east", "eu-west", "ap-south"
HOOK = Hook(run="migrate up", phase="expand", timeout_seconds=60)
CONTRACT = Hook(run="migrate up", phase="contract", down="migrate down", timeout_seconds=60)


def release(name: str, **more: Any) -> Release:
    return Release(id=name, app="shop", artifact=Artifact("tree", f"git:{name}", "https://forge/shop.git"), **more)


OLD, NEW = release("r1"), release("r2", author="ann")
CONTRACTED = msgspec.structs.replace(NEW, incompatible_before=True)


def settings(**more: Any) -> EnvironmentSettings:
    plain: dict[str, Any] = {
        "name": "production",
        "regions": (US, EU, AP),
        "target": ProcessTarget(command="serve"),
        "waves": ((US,), (EU, AP)),
    }
    # As a command brings them: whole seconds are floats, too.
    return msgspec.json.decode(msgspec.json.encode(EnvironmentSettings(**(plain | more))), type=EnvironmentSettings)


def start(plan: EnvironmentSettings | None = None, **more: Any) -> c.StartRollout:
    plain: dict[str, Any] = {
        "app": "shop",
        "number": 7,
        "release": NEW,
        "settings": plan or settings(),
        "origin": c.Origin(by="ann", automatic=True, run_id="us-east-1", stage="ship", round=1),
    }
    return c.StartRollout(**(plain | more))


def begun(plan: EnvironmentSettings | None = None, **more: Any) -> Scene:
    return given(ROLLOUT, ID).when(start(plan, **more))


def asked(**rule: Any) -> Scene:
    return begun(settings(approval=Approval(**rule)))


def approve(by: str, *groups: str, **more: Any) -> c.ApproveRollout:
    return c.ApproveRollout(by=by, groups=groups, **more)


def hook(ok: bool = True, **more: Any) -> c.ReportHook:
    return c.ReportHook(ok=ok, **more)


def deployment(scene: Scene, region: str) -> str:
    name: str = scene.state.regions[region].deployment_id
    return name


def finish(scene: Scene, region: str, outcome: str = "success", **more: Any) -> c.NoteDeployment:
    plain: dict[str, Any] = {
        "deployment_id": deployment(scene, region),
        "region": region,
        "what": "finished",
        "outcome": outcome,
        "rollback_to": OLD,
    }
    return c.NoteDeployment(**(plain | more))


def fail(scene: Scene, region: str, **more: Any) -> c.NoteDeployment:
    plain: dict[str, Any] = {"code": "analysis-failed", "detail": "error-rate 0.05 > 0.01"}
    return finish(scene, region, "rolled_back", **(plain | more))


def end_watch(scene: Scene, region: str, what: Any = "watch_ended", **more: Any) -> c.NoteDeployment:
    return c.NoteDeployment(deployment_id=deployment(scene, region), region=region, what=what, **more)


def breach(scene: Scene, region: str) -> c.NoteDeployment:
    return end_watch(scene, region, "breach", code="crashed", detail="instance 2 ended 3 times")


def succeed(scene: Scene, *regions: str, **more: Any) -> Scene:
    for region in regions:
        scene.when(finish(scene, region, **more))
    return scene


def placed(scene: Scene) -> dict[str, str]:
    """Region to release of all that were started in the last decision."""
    waves = scene.all_told(e.WaveStarted)
    return {each.region: each.release.id for wave in waves for each in wave.placements}


def outcome(scene: Scene) -> tuple[str, str]:
    ended = scene.one(e.RolloutFinished)
    return ended.outcome, ended.code
