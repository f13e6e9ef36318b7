"""Deployments to begin a test with, and the words of environment, deployer, sampler and people."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.aggregate import DEPLOYMENT
from core.deployments.target_state import SetStatus, TargetState, TargetStatus
from core.environments.release import Artifact, Release
from core.environments.settings import (
    Analysis,
    Canary,
    CanaryStep,
    Check,
    EnvironmentSettings,
    Health,
    ProcessTarget,
    StaticTarget,
)
from tests.support.given import Scene, given

ID = "eu-west-0123456789abcdef"
REGION = "eu-west"
EPOCH = 7
TARGET = ProcessTarget(command="serve", replicas=4, health=Health(start_timeout_seconds=30))
STATIC = StaticTarget(link="/srv/www")
ERRORS = Check("errors", metric="error-rate", max=0.01)
Shown = Mapping[str, Mapping[str, Any]]
NOTHING: Shown = {}
CANARY = Canary(steps=(CanaryStep(5, 60), CanaryStep(50, 60), CanaryStep(100, 0)))


def release(name: str) -> Release:
    return Release(id=name, app="shop", artifact=Artifact("tree", f"git:{name}", "https://forge/shop.git"))


OLDER, OLD, NEW = release("0-older"), release("1-old"), release("2-new")


def settings(**more: Any) -> EnvironmentSettings:
    """As they come from the log: seconds are no whole numbers there."""
    fields: dict[str, Any] = {"name": "production", "regions": (REGION,), "target": TARGET} | more
    return msgspec.convert(msgspec.to_builtins(EnvironmentSettings(**fields)), EnvironmentSettings)


def analysed(*checks: Check, interval: float = 10, **more: Any) -> EnvironmentSettings:
    analysis = Analysis(checks=checks or (ERRORS,), interval_seconds=interval, timeout_seconds=2)
    return settings(**({"strategy": CANARY, "analysis": analysis} | more))


def start(chosen: EnvironmentSettings | None = None, **more: Any) -> c.StartDeployment:
    fields: dict[str, Any] = {
        "app": "shop",
        "environment": "production",
        "region": REGION,
        "rollout_id": "eu-west-fedcba9876543210",
        "release": NEW,
        "settings": chosen or settings(),
        "by": "ann",
    }
    return c.StartDeployment(**(fields | more))


def admit(current: Release | None = OLD, previous: Release | None = OLDER, epoch: int = EPOCH) -> c.AdmitDeployment:
    return c.AdmitDeployment(epoch=epoch, current=current, previous=previous)


def waiting(chosen: EnvironmentSettings | None = None, **more: Any) -> Scene:
    return given(DEPLOYMENT, ID).when(start(chosen, **more))


def admitted(
    chosen: EnvironmentSettings | None = None,
    current: Release | None = OLD,
    previous: Release | None = OLDER,
    **more: Any,
) -> Scene:
    return waiting(chosen, **more).when(admit(current, previous))


def status(wish: TargetState, other: Shown = NOTHING) -> TargetStatus:
    """A target that is as wished, but for what is said of single sets."""
    sets = []
    for each in wish.sets:
        shown = {"running": each.replicas, "ready": each.replicas, "weight": each.weight, "requests": 0}
        sets.append(SetStatus(each.name, each.release.id, **(shown | dict(other.get(each.name, {})))))
    return TargetStatus(EPOCH, tuple(sets), "http://127.0.0.1:80")


def reached(scene: Scene, **more: Any) -> c.ReportTarget:
    """The deployer's word that the last wish is so."""
    state = scene.state
    asked = {probe.name for event in scene.events if isinstance(event, e.ActionRequested) for probe in event.probes}
    fields: dict[str, Any] = {
        "epoch": state.epoch,
        "action": state.action,
        "ok": True,
        "status": status(state.wish),
        "probes": tuple(c.ProbeResult(name, True) for name in sorted(asked)),
        "at": scene.now,
    }
    return c.ReportTarget(**(fields | more))


def failed(scene: Scene, code: str = "not-ready", detail: str = "1 of 4 is not ready", **more: Any) -> c.ReportTarget:
    return reached(scene, ok=False, code=code, detail=detail, status=TargetStatus(EPOCH), **more)


def obey(scene: Scene) -> Scene:
    """The deployer does what is asked, and says so."""
    return scene.when(reached(scene))


def obey_all(scene: Scene, most: int = 50) -> Scene:
    """As long as something is asked without waiting."""
    for _ in range(most):
        if "answer" not in scene.state.timers.due:
            return scene
        obey(scene)
    raise AssertionError("the deployment asks without end")


def health(scene: Scene, other: Shown = NOTHING, lost: bool = False, detail: str = "") -> c.ReportHealth:
    """Unasked: what differs from the last wish."""
    shown = TargetStatus(EPOCH) if lost else status(scene.state.wish, other)
    return c.ReportHealth(epoch=scene.state.epoch, status=shown, lost=lost, detail=detail, at=scene.now)


def sample(scene: Scene, *measured: c.Measurement, **more: Any) -> c.RecordSample:
    fields: dict[str, Any] = {
        "epoch": scene.state.epoch,
        "number": scene.state.sample,
        "measurements": measured,
        "at": scene.now,
    }
    return c.RecordSample(**(fields | more))


def value(number: float, check: str = "errors", **more: Any) -> c.Measurement:
    return c.Measurement(check, "value", number, **more)


def actions(scene: Scene) -> list[e.ActionRequested]:
    return scene.all_told(e.ActionRequested)


def weights(scene: Scene) -> dict[str, int]:
    """As last wished."""
    return {each.name: each.weight for each in scene.state.wish.sets if each.weight}
