"""Whatever is said to an environment, in any order and at any time: one owner, growing epochs, nothing left behind."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.aggregate import Rejected
from core.environments import commands as c
from core.environments import events as e
from core.environments.aggregate import ENVIRONMENT
from core.environments.reasons import goes_through, shut
from core.environments.settings import Window
from core.eventlog.serialization import Message
from tests.unit.environments import scenes

DEPLOYMENTS = some.sampled_from([f"d{number}" for number in range(6)])
ROLLOUTS = some.sampled_from(("x", "y", "z"))
RELEASES = some.sampled_from(("r1", "r2", "r3", "r4"))
PEOPLE = some.sampled_from(("ann", "bob"))
WINDOWS = some.sampled_from(((), (), (), (Window("0 * * * *", 1200),)))


def _stays(event: e.LockGranted) -> bool:
    """What was left half done there is taken back."""
    return event.urgent and event.current is not None and event.current.id == event.release.id


class EnvironmentLives(RuleBasedStateMachine):
    """`owner` and `left` are told by events alone; a deployment that has left never comes back (its id is used up)."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = scenes.empty()
        self.owner: e.LockGranted | None = None
        self.left: set[str] = set()
        self.epoch = 0
        self.quarantined: set[str] = set()

    def say(self, command: Message) -> None:
        self.scene.told = ()
        try:
            self.scene.when(command)
        except Rejected:
            return
        self.read()

    def read(self) -> None:
        for event in self.scene.told:
            if isinstance(event, e.LockGranted):
                assert self.owner is None, "the lock has at most one owner"
                assert event.epoch > self.epoch, "epochs only grow"
                assert event.deployment_id not in self.left, "who has left never owns the lock"
                assert not (event.automatic and event.release.id in self.quarantined) or _stays(event)
                self.owner, self.epoch = event, event.epoch
            elif isinstance(event, e.LockReleased):
                assert self.owner is not None
                assert event.deployment_id == self.owner.deployment_id
                self.owner = None
                self.left.add(event.deployment_id)
            elif isinstance(event, e.DeploymentLeft | e.DeploymentRefused):
                assert self.owner is None or event.deployment_id != self.owner.deployment_id
                self.left.add(event.deployment_id)
            elif isinstance(event, e.ReleaseChanged):
                assert self.owner is not None
                assert event.deployment_id == self.owner.deployment_id
                assert event.previous is None or event.previous.id not in self.quarantined
            elif isinstance(event, e.ReleaseQuarantined):
                self.quarantined.add(event.release_id)
            elif isinstance(event, e.QuarantineLifted):
                self.quarantined.discard(event.release_id)

    @rule(
        deployment=DEPLOYMENTS,
        rollout=ROLLOUTS,
        release=RELEASES,
        by=PEOPLE,
        automatic=some.booleans(),
        urgent=some.sampled_from((False, False, True)),
        freezes=WINDOWS,
        windows=WINDOWS,
        reason=some.sampled_from(("", "", "fire")),
    )
    def enter(self, deployment: str, rollout: str, release: str, reason: str, **more: Any) -> None:
        fresh = f"{deployment}.{sum(name.startswith(deployment) for name in self.left)}"
        self.say(scenes.enter(fresh, release, rollout, override_reason=reason, **more))

    def live(self, deployment: str) -> str:
        return f"{deployment}.{sum(name.startswith(deployment) for name in self.left)}"

    @rule(deployment=DEPLOYMENTS, watch=some.sampled_from((None, 100)))
    def leave(self, deployment: str, watch: int | None) -> None:
        until = None if watch is None else self.scene.now + timedelta(seconds=watch)
        self.say(scenes.leave(self.live(deployment), watch_until=until))

    @rule(finished=some.booleans(), release=RELEASES)
    def owner_goes_on(self, finished: bool, release: str) -> None:
        if self.owner is None:
            return
        deployment = self.owner.deployment_id
        if finished:
            self.say(scenes.note(deployment, self.owner.release.id))
            self.say(scenes.leave(deployment))
        else:
            self.say(scenes.renew(deployment, self.owner.epoch))

    @rule(deployment=DEPLOYMENTS, epoch=some.integers(0, 9), release=RELEASES)
    def somebody_says_what_is_not_so(self, deployment: str, epoch: int, release: str) -> None:
        self.say(scenes.renew(self.live(deployment), epoch))
        if self.owner is None or self.owner.deployment_id != self.live(deployment):
            self.scene.rejects(scenes.note(self.live(deployment), release), "lock-not-held")

    @rule(release=RELEASES, lift=some.booleans())
    def quarantine(self, release: str, lift: bool) -> None:
        if lift:
            self.say(c.LiftQuarantine(release_id=release, by="ann"))
        else:
            self.say(c.QuarantineRelease(release_id=release, reason="breach"))

    @rule(seconds=some.sampled_from((None, 60, 4000)), lift=some.booleans())
    def freeze(self, seconds: int | None, lift: bool) -> None:
        until = None if seconds is None else self.scene.now + timedelta(seconds=seconds)
        self.say(c.UnfreezeEnvironment(by="ann") if lift else c.FreezeEnvironment(by="ann", reason="x", until=until))

    @rule(deployment=DEPLOYMENTS)
    def override(self, deployment: str) -> None:
        self.say(c.OverrideFreeze(deployment_id=self.live(deployment), by="bob", reason="fire"))

    @rule(seconds=some.sampled_from((1, 30, 299, 301, 1200, 5000)))
    def time_passes(self, seconds: int) -> None:
        self.scene.later(seconds=seconds)
        self.read()
        due = ENVIRONMENT.deadline(self.scene.state)
        assert due is None or due > self.scene.now, "a deadline that has come is dealt with"

    @invariant()
    def lock_is_who_the_events_say(self) -> None:
        lock = self.scene.state.lock
        assert (lock and lock.deployment_id) == (self.owner and self.owner.deployment_id)

    @invariant()
    def free_lock_means_that_all_who_wait_are_shut_out(self) -> None:
        state = self.scene.state
        for entry in state.waiting if state.lock is None else ():
            assert not goes_through(entry)
            # Time has not been told to it yet where a deadline is due right now.
            assert shut(state, entry, self.scene.now) is not None or entry.opens_at is not None

    @invariant()
    def rollbacks_wait_in_front(self) -> None:
        urgent = [each.urgent for each in self.scene.state.waiting]
        assert urgent == sorted(urgent, reverse=True)

    def teardown(self) -> None:
        self.scene.check_restored()


EnvironmentLives.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestEnvironmentLives = EnvironmentLives.TestCase
