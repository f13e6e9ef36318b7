"""What is told of events of the log: CDEvents that keep to their schemas, with words for people."""

from datetime import timedelta
from typing import Any

import pytest

from agents.connectors.notifications.all_told import all_told
from agents.connectors.notifications.announcement import purl
from agents.connectors.notifications.beginnings import Beginnings, NotKnownYet
from core.catalog.events import EnvironmentsSet, ReleaseCreated
from core.deployments.events import DeploymentFinished, DeploymentRequested, ReleaseActivated, RollbackTriggered
from core.environments.release import Artifact
from core.environments.settings import EnvironmentSettings, StaticTarget
from core.eventlog.serialization import Message
from core.notifications.cdevents import CUSTOM_TYPES, STANDARD_TYPES
from core.rollouts.commands import Origin
from core.rollouts.events import (
    RolloutApprovalDecided,
    RolloutApprovalRequested,
    RolloutFinished,
    RolloutHalted,
)
from core.runs import events as r
from tests.support.cdevents_schema import check_cdevent
from tests.support.envelopes import AT, envelope
from tests.unit.notifications.told import (
    BEGINNINGS,
    DEPLOYMENT,
    ROLLOUT,
    ROLLOUT_BEGAN,
    RUN,
    RUN_BEGAN,
    SETTINGS,
    Log,
    release,
    tell,
    told,
)

PLACE: dict[str, Any] = {"app": "shop", "environment": "production", "region": "eu-west", "rollout_id": ROLLOUT}
JOB: dict[str, Any] = {"job_id": "test", "attempt": 2}


def job_finished(outcome: str, **changes: Any) -> r.JobFinished:
    values = {**JOB, "stage": "test", "region": "us-east", "pool": "default", "epoch": 1, "outcome": outcome}
    return r.JobFinished(**(values | changes))


def deployment_finished(outcome: str, **changes: Any) -> DeploymentFinished:
    return DeploymentFinished(**({**PLACE, "release_id": "7-aaaaaaaa", "outcome": outcome} | changes))


def rollback(code: str, **changes: Any) -> RollbackTriggered:
    return RollbackTriggered(**({**PLACE, "release_id": "7-aaaaaaaa", "code": code, "detail": "5% fail"} | changes))


DEPLOYMENT_BEGAN = DeploymentRequested(**PLACE, release=release(), settings=SETTINGS, by="ann")
WITH_DEPLOYMENT = Log({**BEGINNINGS, f"deployment/{DEPLOYMENT}": DEPLOYMENT_BEGAN})
RUN_STREAM, ROLLOUT_STREAM, DEPLOYMENT_STREAM = f"run/{RUN}", f"rollout/{ROLLOUT}", f"deployment/{DEPLOYMENT}"

# (stream, message, the kinds that are told, words of the first title)
CASES: list[tuple[str, Message, list[str], str]] = [
    (RUN_STREAM, RUN_BEGAN, ["pipelinerun.queued"], "shop #7 is queued"),
    (RUN_STREAM, r.RunStarted(round=1), ["pipelinerun.started"], "shop #7 has started"),
    (RUN_STREAM, r.RunStarted(round=2), ["pipelinerun.started"], "shop #7 has started (round 2)"),
    (
        RUN_STREAM,
        r.RunFinished(app="shop", outcome="failure", round=1, detail="test failed"),
        ["pipelinerun.finished"],
        "shop #7 failed",
    ),
    (
        RUN_STREAM,
        r.JobStarted(**JOB, epoch=1, agent_id="a1"),
        ["taskrun.started"],
        "test of shop #7 has started",
    ),
    (RUN_STREAM, job_finished("success"), ["taskrun.finished"], "test of shop #7 succeeded"),
    (
        RUN_STREAM,
        job_finished("error", reason="agent-lost", will_retry=True),
        ["taskrun.finished"],
        "test of shop #7 had an error and is tried again",
    ),
    (
        RUN_STREAM,
        r.ApprovalRequested(stage="deploy", count=2, groups=("sre",), expires_at=AT + timedelta(days=1)),
        ["approval.requested"],
        "deploy of shop #7 waits for an approval",
    ),
    (
        RUN_STREAM,
        r.ApprovalDecided(stage="deploy", decision="rejected", by="ann", comment="no"),
        ["approval.decided"],
        "deploy of shop #7 was rejected",
    ),
    (
        "release/shop/7-aaaaaaaa",
        ReleaseCreated(release=release()),
        ["artifact.published"],
        "shop has a new release 7-aaaaaaaa",
    ),
    (ROLLOUT_STREAM, ROLLOUT_BEGAN, ["rollout.started"], "shop to production: 7-aaaaaaaa goes out"),
    (
        ROLLOUT_STREAM,
        RolloutApprovalRequested(app="shop", environment="production", count=1, expires_at=AT),
        ["approval.requested"],
        "shop to production: the rollout waits for an approval",
    ),
    (
        ROLLOUT_STREAM,
        RolloutApprovalDecided(decision="granted", by="ann"),
        ["approval.decided"],
        "shop to production: the rollout is approved",
    ),
    (
        ROLLOUT_STREAM,
        RolloutHalted(code="too-few-requests", detail="3 of 100 requests came"),
        ["rollout.halted"],
        "shop to production: the rollout has halted and waits for somebody: 3 of 100 requests came",
    ),
    (
        ROLLOUT_STREAM,
        RolloutFinished(
            app="shop",
            environment="production",
            release_id="7-aaaaaaaa",
            outcome="rolled_back",
            detail="5% fail",
            origin=Origin("ann"),
        ),
        ["rollout.finished"],
        "shop to production: the rollout of 7-aaaaaaaa was rolled back: 5% fail",
    ),
    (
        DEPLOYMENT_STREAM,
        ReleaseActivated(**PLACE, release=release()),
        ["service.published"],
        "shop in production (eu-west) serves 7-aaaaaaaa",
    ),
    (
        DEPLOYMENT_STREAM,
        deployment_finished("success", now_on=release()),
        ["service.deployed"],
        "7-aaaaaaaa is deployed to shop in production (eu-west)",
    ),
    (
        DEPLOYMENT_STREAM,
        deployment_finished("success", now_on=release(), rollback_to=release(6)),
        ["service.upgraded"],
        "shop in production (eu-west) was upgraded to 7-aaaaaaaa",
    ),
    (
        DEPLOYMENT_STREAM,
        deployment_finished("success", kind="rollback", now_on=release(6), rollback_to=release()),
        ["service.rolledback"],
        "shop in production (eu-west) was rolled back to 6-aaaaaaaa",
    ),
    (
        DEPLOYMENT_STREAM,
        deployment_finished("rolled_back", code="analysis-failed", now_on=release(6)),
        ["service.rolledback", "incident.resolved"],
        "shop in production (eu-west) was rolled back from 7-aaaaaaaa to 6-aaaaaaaa",
    ),
    (
        DEPLOYMENT_STREAM,
        deployment_finished("rolled_back", code="not-ready"),
        ["service.removed", "incident.resolved"],
        "7-aaaaaaaa was taken from shop in production (eu-west), where nothing was before",
    ),
    (
        DEPLOYMENT_STREAM,
        deployment_finished("aborted", code="aborted", now_on=release(6), touched=True),
        ["service.rolledback"],
        "shop in production (eu-west) was rolled back from 7-aaaaaaaa to 6-aaaaaaaa",
    ),
    (DEPLOYMENT_STREAM, deployment_finished("aborted", code="aborted", now_on=release(6)), [], ""),
    (DEPLOYMENT_STREAM, deployment_finished("error", code="lock-lost"), [], ""),
    (
        DEPLOYMENT_STREAM,
        rollback("analysis-failed", check="errors", value=0.05),
        ["incident.detected"],
        "7-aaaaaaaa fails in shop in production (eu-west): 5% fail",
    ),
    (DEPLOYMENT_STREAM, rollback("aborted", by="ann"), [], ""),
]


@pytest.mark.parametrize(
    ("stream", "message", "kinds", "title"), CASES, ids=[f"{n}-{m.TYPE}" for n, (_, m, _, _) in enumerate(CASES)]
)
def test_event_is_told_in_cdevents_words(stream: str, message: Message, kinds: list[str], title: str) -> None:
    found = told(stream, message, WITH_DEPLOYMENT)
    assert [kind for kind, _ in found] == kinds
    assert [made.title for _, made in found][:1] == ([title] if title else [])
    for _, made in found:
        assert made.app == "shop"
        assert made.link.startswith("https://sealane.example.com/")
        assert made.event["context"]["chainId"] == found[0][1].event["context"]["chainId"]


def test_each_kind_of_event_is_told_of_somewhere() -> None:
    kinds = {kind for stream, message, _, _ in CASES for kind, _ in told(stream, message, WITH_DEPLOYMENT)}
    environments = {"environment.created", "environment.modified", "environment.deleted"}
    assert kinds | environments | {"subscription.tested"} == {*STANDARD_TYPES, *CUSTOM_TYPES}
    log = Log()
    types = all_told(Beginnings(log.firsts.get), log.with_previous)
    assert {message.TYPE for _, message, _, _ in CASES} | {EnvironmentsSet.TYPE} == set(types)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("cancelled", "cancel"),
        ("error", "error"),
        ("invalid", "error"),
        ("ignored", "cancel"),
    ],
)
def test_outcomes_of_runs_are_cdevents_outcomes(outcome: Any, said: str) -> None:
    ((_, made),) = told(RUN_STREAM, r.RunFinished(app="shop", outcome=outcome, round=1, code="why"))
    content = made.event["subject"]["content"]
    assert content["outcome"] == said
    assert content.get("errors") == (None if outcome == "success" else "why")
    assert made.event["customData"]["commit"] == "a" * 40


def test_services_name_their_environment_and_artifact() -> None:
    ((_, made),) = told(DEPLOYMENT_STREAM, deployment_finished("success", now_on=release()), WITH_DEPLOYMENT)
    subject = made.event["subject"]
    assert subject["id"] == "shop/production/eu-west"
    assert subject["content"]["environment"]["id"] == "shop/production"
    assert subject["content"]["artifactId"] == purl(release())
    assert (made.environment, made.region, made.tone) == ("production", "eu-west", "good")


@pytest.mark.parametrize(
    ("artifact", "expected"),
    [
        (
            Artifact("tree", f"git:{'a' * 40}", "https://forge.example/acme/shop.git"),
            f"pkg:generic/shop@7-aaaaaaaa?vcs_url=git%2Bhttps%3A%2F%2Fforge.example%2Facme%2Fshop.git%40{'a' * 40}",
        ),
        (Artifact("tree", f"git:{'a' * 40}", "git@forge.example:acme/shop.git"), "pkg:generic/shop@7-aaaaaaaa"),
        (
            Artifact("file", f"sha256:{'b' * 64}", "releases/shop/7.tar.gz"),
            f"pkg:generic/shop@7-aaaaaaaa?checksum=sha256:{'b' * 64}",
        ),
        (
            Artifact("image", f"sha256:{'b' * 64}", "registry.example:5000/acme/Shop:7"),
            f"pkg:oci/shop@sha256%3A{'b' * 64}?repository_url=registry.example%3A5000/acme/Shop",
        ),
        (Artifact("image", f"sha256:{'b' * 64}", f"sha256:{'b' * 64}"), f"pkg:oci/shop@sha256%3A{'b' * 64}"),
    ],
)
def test_artifacts_have_package_urls(artifact: Artifact, expected: str) -> None:
    assert purl(release(artifact=artifact)) == expected


def environments(*settings: EnvironmentSettings) -> EnvironmentsSet:
    return EnvironmentsSet(environments=settings, source="file")


def test_environments_are_created_modified_and_deleted_one_by_one() -> None:
    staging = EnvironmentSettings("staging", ("us-east",), StaticTarget("/srv/www"))
    wider = EnvironmentSettings("staging", ("us-east", "eu-west"), StaticTarget("/srv/www"))
    log = Log()
    first = told("app/shop", environments(SETTINGS, staging), log)
    assert [(kind, made.environment) for kind, made in first] == [
        ("environment.created", "production"),
        ("environment.created", "staging"),
    ]
    assert len({made.event["context"]["id"] for _, made in first}) == 2
    log.previous = (envelope("app/shop", environments(SETTINGS, staging)),)
    second = told("app/shop", environments(wider), log)
    assert [(kind, made.environment) for kind, made in second] == [
        ("environment.modified", "staging"),
        ("environment.deleted", "production"),
    ]
    assert told("app/shop", environments(SETTINGS, staging), log) == []


def test_what_the_views_do_not_know_yet_is_not_told_wrongly() -> None:
    log = Log({})
    for stream, message in ((RUN_STREAM, r.RunStarted(round=1)), (ROLLOUT_STREAM, RolloutHalted(code="c", detail=""))):
        with pytest.raises(NotKnownYet):
            tell(stream, message, log)
    log.previous = None
    with pytest.raises(NotKnownYet):
        tell("app/shop", environments(SETTINGS), log)


def test_same_event_is_the_same_cdevent_for_all_and_another_message_for_each() -> None:
    ((_, made),) = told(RUN_STREAM, RUN_BEGAN)
    ((_, again),) = told(RUN_STREAM, RUN_BEGAN)
    assert made == again
    ((_, other),) = told(RUN_STREAM, RUN_BEGAN, event_id="another")
    assert made.id != other.id
    assert made.event["context"]["id"] != other.event["context"]["id"]
    assert made.id.startswith("msg_")
    assert "." not in made.id


def test_long_texts_are_cut() -> None:
    ((_, made),) = told(RUN_STREAM, r.RunFinished(app="shop", outcome="error", round=1, detail="x" * 5000))
    assert len(made.event["subject"]["content"]["errors"]) == 1000
    assert len(made.event["customData"]["detail"]) == 1000


def test_long_titles_are_cut() -> None:
    ((_, made),) = told(ROLLOUT_STREAM, RolloutHalted(code="c", detail="x" * 5000))
    assert len(made.title) == 250


def test_rules_find_an_event_that_breaks_them() -> None:
    from jsonschema import ValidationError

    ((kind, made),) = told(RUN_STREAM, RUN_BEGAN)
    made.event["subject"]["content"]["uri"] = "not a uri"
    with pytest.raises(ValidationError):
        check_cdevent(kind, made.event)
