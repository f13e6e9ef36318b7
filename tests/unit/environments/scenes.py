"""An environment to begin a test with, and the words of its deployments."""

from typing import Any

from core.environments import commands as c
from core.environments import events as e
from core.environments.aggregate import ENVIRONMENT
from core.environments.release import Artifact, Release
from tests.support.given import Scene, given

ID = "shop/production/eu-west"


def release(name: str, **more: Any) -> Release:
    return Release(id=name, app="shop", artifact=Artifact("tree", f"git:{name}", "https://forge/shop.git"), **more)


def enter(deployment: str, name: str = "r1", rollout: str = "", **more: Any) -> c.EnterEnvironment:
    """By default each deployment has a rollout of its own."""
    plain: dict[str, Any] = {
        "deployment_id": deployment,
        "rollout_id": rollout or f"rollout-{deployment}",
        "release": release(name),
        "by": "ann",
    }
    return c.EnterEnvironment(**(plain | more))


def rollback(deployment: str, name: str, rollout: str = "", **more: Any) -> c.EnterEnvironment:
    return enter(deployment, name, rollout, urgent=True, **more)


def leave(deployment: str, **more: Any) -> c.LeaveEnvironment:
    return c.LeaveEnvironment(deployment_id=deployment, **more)


def note(deployment: str, name: str, **more: Any) -> c.NoteRelease:
    return c.NoteRelease(deployment_id=deployment, release=release(name, **more))


def renew(deployment: str, epoch: int) -> c.RenewLock:
    return c.RenewLock(deployment_id=deployment, epoch=epoch)


def empty() -> Scene:
    return given(ENVIRONMENT, ID)


def deploy(scene: Scene, deployment: str, name: str, rollout: str = "", **more: Any) -> Scene:
    """All the way: enter, be healthy, leave."""
    release_more = more.pop("release_more", {})
    scene.when(enter(deployment, name, rollout, **more)).one(e.LockGranted)
    return scene.when(note(deployment, name, **release_more)).when(leave(deployment))


def running(*names: str) -> Scene:
    """These releases have been here, one after the other."""
    scene = empty()
    for number, name in enumerate(names, 1):
        deploy(scene, f"d{number}", name)
    return scene


def kept(scene: Scene) -> list[str]:
    return [each.release.id for each in scene.state.kept]


def waiting(scene: Scene) -> list[str]:
    return [each.deployment_id for each in scene.state.waiting]
