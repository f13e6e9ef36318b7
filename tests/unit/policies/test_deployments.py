"""What rollouts, deployments and environments say to each other, and where it is sent."""

from datetime import timedelta
from typing import Any

import pytest

from core.aggregate import Send
from core.catalog.commands import CreateRelease, RefuseRollout
from core.catalog.events import RolloutAccepted
from core.deployments import commands as d
from core.deployments import events as deployed
from core.environments import commands as c
from core.environments import events as e
from core.environments.release import Artifact, Release
from core.environments.settings import EnvironmentSettings, ProcessTarget, Window
from core.eventlog.envelope import Stream
from core.eventlog.serialization import Message
from core.rollouts import commands as r
from core.rollouts import events as rolled
from tests.unit.policies.test_policies import NOW, react

DEPLOYMENT = Stream("deployment", "eu-west-0123456789abcdef")
ROLLOUT = Stream("rollout", "us-east-fedcba9876543210")
ENVIRONMENT = Stream("environment", "shop/production/eu-west")
RELEASE = Release(id="r2", app="shop", artifact=Artifact("tree", "git:c2", "u"))
OLD = Release(id="r1", app="shop", artifact=Artifact("tree", "git:c1", "u"))
FRIDAY = Window("0 18 * * FRI", 3600)
SETTINGS = EnvironmentSettings(
    name="production", regions=("us-east", "eu-west"), target=ProcessTarget(command="x"), freezes=(FRIDAY,)
)
PLACE: dict[str, Any] = {"app": "shop", "environment": "production", "region": "eu-west"}
ORIGIN = r.Origin(by="ann", automatic=True)


def accepted(region: str = "us-east", **more: Any) -> RolloutAccepted:
    plain: dict[str, Any] = {
        "app": "shop",
        "rollout_id": ROLLOUT.id,
        "number": 7,
        "region": region,
        "release": RELEASE,
        "settings": SETTINGS,
        "origin": ORIGIN,
        "regions": ("eu-west",),
        "override_reason": "fire",
    }
    return RolloutAccepted(**(plain | more))


def wave(rollback: bool, *regions: str) -> rolled.WaveStarted:
    placements = tuple(rolled.Placement(region, f"{region}-0123456789abcdef", RELEASE) for region in regions)
    return rolled.WaveStarted(
        app="shop",
        environment="production",
        settings=SETTINGS,
        origin=ORIGIN,
        index=0,
        placements=placements,
        rollback=rollback,
        override_reason="fire",
    )


def test_accepted_rollout_starts_in_its_region_and_its_release_is_in_the_catalog() -> None:
    created, started = react(accepted(), Stream("app", "shop"), "us-east")
    assert created == Send("us-east", Stream("release", "shop/r2"), CreateRelease(release=RELEASE))
    assert (started.region, started.stream) == ("us-east", ROLLOUT)
    command = started.command
    assert isinstance(command, r.StartRollout)
    assert (command.number, command.regions, command.override_reason) == (7, ("eu-west",), "fire")
    assert (command.settings, command.release, command.origin) == (SETTINGS, RELEASE, ORIGIN)


def test_rollback_creates_no_release() -> None:
    (started,) = react(accepted(kind="rollback", leaving=RELEASE, releases={"eu-west": OLD}), Stream("app", "shop"))
    command = started.command
    assert isinstance(command, r.StartRollout)
    assert (command.kind, command.leaving, command.releases) == ("rollback", RELEASE, {"eu-west": OLD})


def test_rollout_in_a_region_that_is_gone_is_refused_on_record() -> None:
    refused = react(accepted("mars"), Stream("app", "shop"), "us-east")[-1]
    assert (refused.region, refused.stream) == ("us-east", Stream("app", "shop"))
    assert isinstance(refused.command, RefuseRollout)
    assert (refused.command.code, refused.command.origin) == ("region-unknown", ORIGIN)


@pytest.mark.parametrize("rollback", [False, True])
def test_wave_starts_a_deployment_in_each_region(rollback: bool) -> None:
    sends = react(wave(rollback, "us-east", "eu-west"), ROLLOUT, "us-east")
    assert [send.region for send in sends] == ["us-east", "eu-west"]
    command = sends[1].command
    assert (sends[1].stream, type(command)) == (DEPLOYMENT, d.StartDeployment)
    assert isinstance(command, d.StartDeployment)
    assert command.kind == ("rollback" if rollback else "deploy")
    assert (command.rollout_id, command.region, command.by, command.automatic) == (ROLLOUT.id, "eu-west", "ann", True)
    assert (command.release, command.override_reason) == (RELEASE, "fire")


def test_region_that_is_gone_fails_at_once_instead_of_never() -> None:
    (send,) = react(wave(False, "mars"), ROLLOUT, "us-east")
    assert (send.region, send.stream) == ("us-east", ROLLOUT)
    assert isinstance(send.command, r.NoteDeployment)
    assert (send.command.region, send.command.outcome, send.command.code) == ("mars", "error", "region-unknown")


@pytest.mark.parametrize(
    ("what", "command"),
    [
        ("pause", d.PauseDeployment(by="ann", reason="look")),
        ("resume", d.ResumeDeployment(by="ann")),
        ("promote", d.PromoteDeployment(by="ann")),
        ("promote_full", d.PromoteDeployment(by="ann", full=True)),
        ("abort", d.AbortDeployment(by="ann", reason="look")),
    ],
)
def test_deployments_under_way_are_told_what_people_want(what: Any, command: Message) -> None:
    deployments = (("eu-west", DEPLOYMENT.id), ("mars", "mars-0123456789abcdef"))
    told = rolled.DeploymentsSteered(what=what, deployments=deployments, by="ann", reason="look")
    assert react(told, ROLLOUT, "us-east") == [Send("eu-west", DEPLOYMENT, command)]


@pytest.mark.parametrize("kind", ["deploy", "rollback"])
def test_deployment_enters_its_environment_with_its_rules(kind: Any) -> None:
    asked = deployed.DeploymentRequested(
        **PLACE, rollout_id=ROLLOUT.id, release=RELEASE, settings=SETTINGS, kind=kind, by="ann", automatic=True
    )
    (send,) = react(asked, DEPLOYMENT)
    assert (send.region, send.stream) == ("eu-west", ENVIRONMENT)
    command = send.command
    assert isinstance(command, c.EnterEnvironment)
    assert (command.deployment_id, command.rollout_id, command.urgent) == (
        DEPLOYMENT.id,
        ROLLOUT.id,
        kind == "rollback",
    )
    assert (command.freezes, command.windows, command.automatic) == ((FRIDAY,), (), True)


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (deployed.LockRenewalRequested(**PLACE, epoch=3), c.RenewLock(deployment_id=DEPLOYMENT.id, epoch=3)),
        (
            deployed.ReleaseActivated(**PLACE, rollout_id=ROLLOUT.id, release=RELEASE),
            c.NoteRelease(deployment_id=DEPLOYMENT.id, release=RELEASE),
        ),
        (
            deployed.RollbackTriggered(
                **PLACE, rollout_id=ROLLOUT.id, release_id="r2", code="crashed", detail="3 times"
            ),
            c.QuarantineRelease(release_id="r2", reason="crashed: 3 times", deployment_id=DEPLOYMENT.id),
        ),
    ],
)
def test_environment_hears_of_its_deployment(event: Message, command: Message) -> None:
    assert react(event, DEPLOYMENT) == [Send("eu-west", ENVIRONMENT, command)]


def test_release_that_is_not_to_blame_is_not_quarantined() -> None:
    stopped = deployed.RollbackTriggered(
        **PLACE, rollout_id=ROLLOUT.id, release_id="r2", code="aborted", detail="x", quarantine=False
    )
    assert react(stopped, DEPLOYMENT) == []


def test_end_of_a_deployment_frees_the_environment_and_moves_the_rollout() -> None:
    until = NOW + timedelta(seconds=60)
    ended = deployed.DeploymentFinished(
        **PLACE,
        rollout_id=ROLLOUT.id,
        release_id="r2",
        outcome="success",
        rollback_to=OLD,
        watch_until=until,
        touched=True,
    )
    left, noted = react(ended, DEPLOYMENT)
    assert left == Send(
        "eu-west",
        ENVIRONMENT,
        c.LeaveEnvironment(deployment_id=DEPLOYMENT.id, outcome="success", watch_until=until),
    )
    assert (noted.region, noted.stream) == ("us-east", ROLLOUT)
    assert noted.command == r.NoteDeployment(
        deployment_id=DEPLOYMENT.id,
        region="eu-west",
        what="finished",
        outcome="success",
        rollback_to=OLD,
        watching=True,
        touched=True,
    )


@pytest.mark.parametrize(
    ("reason", "what"), [("quiet", "watch_ended"), ("superseded", "watch_ended"), ("breach", "breach")]
)
def test_rollout_hears_how_the_watch_ended(reason: Any, what: Any) -> None:
    ended = deployed.WatchEnded(rollout_id=ROLLOUT.id, region="eu-west", reason=reason, code="crashed", detail="x")
    (send,) = react(ended, DEPLOYMENT)
    assert send == Send(
        "us-east",
        ROLLOUT,
        r.NoteDeployment(deployment_id=DEPLOYMENT.id, region="eu-west", what=what, code="crashed", detail="x"),
    )


def test_rollout_hears_of_requests_where_they_are_known() -> None:
    sample = deployed.SampleRecorded(rollout_id=ROLLOUT.id, region="eu-west", number=1, requests_since_complete=42)
    (send,) = react(sample, DEPLOYMENT)
    assert send.command == r.NoteRequests(deployment_id=DEPLOYMENT.id, region="eu-west", requests=42)
    assert react(deployed.SampleRecorded(rollout_id=ROLLOUT.id, region="eu-west", number=1), DEPLOYMENT) == []


def granted(**more: Any) -> e.LockGranted:
    plain: dict[str, Any] = {
        "deployment_id": DEPLOYMENT.id,
        "rollout_id": ROLLOUT.id,
        "release": RELEASE,
        "epoch": 3,
        "expires_at": NOW,
        "current": OLD,
    }
    return e.LockGranted(**(plain | more))


def test_owner_of_the_lock_is_admitted_and_a_watched_predecessor_is_relieved() -> None:
    admit = Send("eu-west", DEPLOYMENT, d.AdmitDeployment(epoch=3, current=OLD))
    assert react(granted(), ENVIRONMENT) == [admit]
    before = Stream("deployment", "eu-west-aaaaaaaaaaaaaaaa")
    assert react(granted(replaces=before.id), ENVIRONMENT) == [
        admit,
        Send("eu-west", before, d.EndWatch(by=DEPLOYMENT.id)),
    ]


@pytest.mark.parametrize(
    ("event", "commands"),
    [
        (
            e.DeploymentRefused(deployment_id=DEPLOYMENT.id, code="release-quarantined", detail="x"),
            [d.RefuseDeployment(code="release-quarantined", detail="x")],
        ),
        (e.LockReleased(deployment_id=DEPLOYMENT.id, epoch=3, expired=True), [d.LoseLock(epoch=3)]),
        (e.LockReleased(deployment_id=DEPLOYMENT.id, epoch=3), []),
        (
            e.PreemptionRequested(deployment_id=DEPLOYMENT.id, by="bob", reason="rolls back"),
            [d.AbortDeployment(by="bob", reason="rolls back")],
        ),
    ],
)
def test_deployment_hears_of_its_environment(event: Message, commands: list[Message]) -> None:
    assert react(event, ENVIRONMENT) == [Send("eu-west", DEPLOYMENT, command) for command in commands]
