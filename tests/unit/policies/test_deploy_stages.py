"""What runs, apps and rollouts tell each other of stages that deploy."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from core.aggregate import Send
from core.aggregates import POLICIES
from core.catalog.commands import RequestRollout, SetEnvironments
from core.catalog.events import RolloutAccepted, RolloutRefused
from core.environments.release import Artifact, Release
from core.environments.settings import EnvironmentSettings, ProcessTarget
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology
from core.pipeline.plan import Plan
from core.policies import deploy_stages
from core.rollouts.commands import AbortRollout, Origin
from core.rollouts.events import RolloutFinished
from core.runs import commands as c
from core.runs import events as e

TOPOLOGY = Topology(("us-east", "eu-west"))
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RUN = Stream("run", "eu-west-0123456789abcdef")
APP = Stream("app", "shop")
ROLLOUT = Stream("rollout", "eu-west-00000000000000aa")
RELEASE = Release("7-c1", "shop", Artifact("tree", "git:c1", "u"), "c1", RUN.id, "ann")
ORIGIN = Origin("ann", automatic=True, run_id=RUN.id, stage="live", round=2)
SETTINGS = EnvironmentSettings("live", ("us-east",), ProcessTarget("./serve"))


def react(event: Message, stream: Stream, region: str) -> list[Send]:
    """What this module's reactions make of the event, as a processor would ask them."""
    envelope = EventEnvelope(
        event_id="e1",
        type=event.TYPE,
        schema_version=1,
        stream=str(stream),
        stream_version=1,
        recorded_at=NOW,
        region=region,
        actor="test",
        correlation_id="f" * 32,
        causation_id="c1",
        chain="",
        data=msgspec.Raw(b"{}"),
    )
    ours = [policy for policy in POLICIES[event.TYPE] if policy.__module__ == deploy_stages.__name__]
    return [send for policy in ours for send in policy(TOPOLOGY, envelope, event)]


def planned(default_branch: bool = True, environments: Any = (SETTINGS,)) -> e.RunPlanned:
    return e.RunPlanned(
        app="shop",
        plan=Plan(name="p", stages=()),
        commit="c1",
        title="",
        author="ann",
        default_branch=default_branch,
        round=1,
        number=7,
        environments=environments,
    )


def test_stage_asks_the_app_at_home_for_its_rollout() -> None:
    asked = e.StageDeployRequested(
        app="shop",
        stage="live",
        round=2,
        environment="production",
        regions=("us-east",),
        strategy="canary",
        release=RELEASE,
        by="ann",
        automatic=True,
        answer_by=NOW,
    )
    command = RequestRollout(
        environment="production",
        release=RELEASE,
        origin=ORIGIN,
        regions=("us-east",),
        strategy_override="canary",
    )
    assert react(asked, RUN, "eu-west") == [Send("us-east", APP, command)]


def test_run_hears_that_its_rollout_was_accepted() -> None:
    accepted = RolloutAccepted(
        app="shop",
        rollout_id=ROLLOUT.id,
        number=1,
        region="eu-west",
        release=RELEASE,
        settings=SETTINGS,
        origin=ORIGIN,
    )
    told = c.NoteRollout(stage="live", round=2, rollout_id=ROLLOUT.id)
    assert react(accepted, APP, "us-east") == [Send("eu-west", RUN, told)]
    by_hand = msgspec.structs.replace(accepted, origin=Origin("ann"))
    assert react(by_hand, APP, "us-east") == []


def test_run_hears_of_a_refusal() -> None:
    refused = RolloutRefused(origin=ORIGIN, code="environment-unknown", detail="why")
    told = c.FinishDeploy(stage="live", round=2, outcome="refused", code="environment-unknown", detail="why")
    assert react(refused, APP, "us-east") == [Send("eu-west", RUN, told)]


def test_run_hears_of_the_end() -> None:
    finished = RolloutFinished(
        app="shop",
        environment="live",
        release_id="7-c1",
        outcome="rolled_back",
        code="analysis-failed",
        detail="why",
        origin=ORIGIN,
    )
    told = c.FinishDeploy(
        stage="live", round=2, outcome="rolled_back", rollout_id=ROLLOUT.id, code="analysis-failed", detail="why"
    )
    assert react(finished, ROLLOUT, "eu-west") == [Send("eu-west", RUN, told)]
    assert react(msgspec.structs.replace(finished, origin=Origin("ann")), ROLLOUT, "eu-west") == []


@pytest.mark.parametrize(
    ("reason", "words"), [("user", "cancelled (user)"), ("timeout", "longer"), ("stage-over", "over")]
)
def test_stage_that_stops_takes_its_rollout_back(reason: str, words: str) -> None:
    event = e.StageDeployCancelRequested(stage="live", rollout_id=ROLLOUT.id, reason=reason)
    (send,) = react(event, RUN, "eu-west")
    assert (send.region, send.stream) == ("eu-west", ROLLOUT)
    assert isinstance(send.command, AbortRollout)
    assert send.command.by == str(RUN)
    assert words in send.command.reason


def test_head_of_the_default_branch_says_what_environments_there_are() -> None:
    command = SetEnvironments(environments=(SETTINGS,), source="file", by="ann", commit="c1", number=7)
    assert react(planned(), RUN, "eu-west") == [Send("us-east", APP, command)]
    (without,) = react(planned(environments=()), RUN, "eu-west")
    assert isinstance(without.command, SetEnvironments)
    assert without.command.environments == ()


def test_other_branches_and_wrong_files_change_no_environment() -> None:
    assert react(planned(default_branch=False), RUN, "eu-west") == []
    assert react(planned(environments=None), RUN, "eu-west") == []
