"""What every target must do, whatever it is made of: the deployer drives them all alike.

A test file gives a fixture `world` and a class that inherits one of these.
"""

import os
from collections.abc import Callable

import msgspec
import pytest

from agents.targets.base import Order, StaleEpoch, Superseded, TargetFailed
from core.deployments.target_state import SetStatus, TargetStatus
from core.environments.release import Artifact
from tests.support.target_world import TargetWorld, by_set, instance_set, keep_until, never


class TargetContract:
    def test_wish_comes_true_and_users_see_it(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()

        status = target.converge(world.order(instance_set(v1)), never)

        assert by_set(status) == {"v1": (1, 100)}
        assert status.epoch == 1
        assert world.visit(target) == "v1"

    def test_next_release_takes_over_and_nothing_is_left_of_the_first(self, world: TargetWorld) -> None:
        v1, v2, target = world.release("v1"), world.release("v2"), world.target()
        target.converge(world.order(instance_set(v1)), never)

        status = target.converge(world.order(instance_set(v2)), never)

        assert by_set(status) == {"v2": (1, 100)}
        assert world.visit(target) == "v2"
        assert len(list((world.root / "target").glob("releases/*"))) <= 1

    def test_repeating_an_order_changes_nothing(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        order = world.order(instance_set(v1))
        first = target.converge(order, never)
        addresses = target.addresses()

        assert without_counts(target.converge(order, never)) == without_counts(first)
        assert without_counts(world.target().converge(order, never)) == without_counts(first)
        assert world.target().addresses() == addresses

    def test_release_beside_gets_no_users_before_it_is_wished(self, world: TargetWorld) -> None:
        v1, v2, target = world.release("v1"), world.release("v2"), world.target()
        target.converge(world.order(instance_set(v1)), never)

        status = target.converge(world.order(instance_set(v1), instance_set(v2, weight=0, role="canary")), never)

        assert by_set(status) == {"v1": (1, 100), "v2": (1, 0)}
        assert {world.visit(target) for _ in range(20)} == {"v1"}

    def test_switch_there_and_back_at_once(self, world: TargetWorld) -> None:
        v1, v2, target = world.release("v1"), world.release("v2"), world.target()
        target.converge(world.order(instance_set(v1)), never)
        target.converge(world.order(instance_set(v1, weight=0), instance_set(v2, role="canary")), never)
        assert world.visit(target) == "v2"

        seen: list[str] = []
        back = world.order(instance_set(v1), at_once=True)
        status = target.converge(back, never, lambda status: seen.append(world.visit(target)))

        assert by_set(status) == {"v1": (1, 100)}
        assert seen[0] == "v1"

    @pytest.mark.parametrize(("epoch", "action"), [(1, 9), (2, 1)])
    def test_older_order_is_refused_and_changes_nothing(self, world: TargetWorld, epoch: int, action: int) -> None:
        v1, v2, target = world.release("v1"), world.release("v2"), world.target()
        newest = msgspec.structs.replace(world.order(instance_set(v1)), epoch=2, action=2)
        target.converge(newest, never)

        older = msgspec.structs.replace(world.order(instance_set(v2)), epoch=epoch, action=action)
        with pytest.raises(StaleEpoch, match=r"obeys epoch 2, action 2, not epoch \d, action \d") as refused:
            world.target().converge(older, never)

        assert refused.value.held == (2, 2)
        assert by_set(target.status()) == {"v1": (1, 100)}

    def test_higher_epoch_begins_its_actions_anew(self, world: TargetWorld) -> None:
        v1, v2, target = world.release("v1"), world.release("v2"), world.target()
        target.converge(msgspec.structs.replace(world.order(instance_set(v1)), epoch=1, action=7), never)

        status = target.converge(msgspec.structs.replace(world.order(instance_set(v2)), epoch=2, action=1), never)

        assert (by_set(status), status.epoch) == ({"v2": (1, 100)}, 2)

    def test_status_is_what_is_there_and_not_what_was_wished(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        target.converge(world.order(instance_set(v1)), never)

        world.break_it(target)

        found = by_set(world.target().status()).get("v1", (0, 0))
        assert 0 in found

    def test_what_ended_by_itself_is_brought_back(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        target.converge(world.order(instance_set(v1)), never)

        world.break_it(target)
        keep_until(world.target(), lambda kept: by_set(kept.status()) == {"v1": (1, 100)})

        assert world.visit(target) == "v1"

    def test_release_that_cannot_serve_fails_and_users_stay_where_they_are(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        target.converge(world.order(instance_set(v1)), never)
        broken = quick(world, world.order(instance_set(world.broken_release("v2"))))

        with pytest.raises(TargetFailed) as failed:
            target.converge(broken, never)

        assert failed.value.code in ("not-ready", "artifact-unavailable")
        assert by_set(target.status())["v1"] == (1, 100)
        assert world.visit(target) == "v1"

    def test_after_a_failed_order_the_one_before_comes_back(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        target.converge(world.order(instance_set(v1)), never)
        with pytest.raises(TargetFailed):
            target.converge(quick(world, world.order(instance_set(world.broken_release("v2")))), never)

        status = target.converge(world.order(instance_set(v1), at_once=True), never)

        assert by_set(status) == {"v1": (1, 100)}

    def test_order_cut_short_anywhere_is_completed_by_another_deployer(self, world: TargetWorld) -> None:
        v1, v2 = world.release("v1"), world.release("v2")
        world.target().converge(world.order(instance_set(v1)), never)
        current, other = v1, v2
        cut_short = 0
        for questions in world.cuts:
            order = world.order(instance_set(other))
            try:
                world.target().converge(order, after(questions))
            except Superseded:
                cut_short += 1
            status = world.target().converge(order, never)

            assert by_set(status) == {other.id: (1, 100)}
            assert world.visit(world.target()) == other.id
            current, other = other, current
        assert cut_short > 0

    def test_nothing_is_wished(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        target.converge(world.order(instance_set(v1)), never)

        status = target.converge(world.order(), never)

        assert status.sets == ()
        assert target.addresses() == ()

    def test_stopped_target_keeps_its_order(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        target.converge(world.order(instance_set(v1)), never)

        target.stop()
        assert world.target().addresses() == ()

        keep_until(world.target(), lambda kept: by_set(kept.status()) == {"v1": (1, 100)})
        assert world.visit(target) == "v1"
        assert [each.restarts for each in target.status().sets] == [0]

    def test_nothing_is_left_of_a_removed_target(self, world: TargetWorld) -> None:
        v1, target = world.release("v1"), world.target()
        address = target.converge(world.order(instance_set(v1)), never).address

        target.remove()

        assert not (world.root / "target").exists()
        assert address
        assert target.status().sets == ()

    def test_release_that_does_not_exist_is_refused(self, world: TargetWorld) -> None:
        v1 = world.release("v1")
        missing = msgspec.structs.replace(v1, artifact=world.missing(v1.artifact))

        with pytest.raises(TargetFailed, match=r"is not (in the repository|on this machine)") as refused:
            world.target().converge(world.order(instance_set(missing)), never)

        assert refused.value.code == "artifact-unavailable"

    @pytest.mark.parametrize("weight", [-1, 40, 101])
    def test_weights_that_do_not_sum_up_are_refused(self, world: TargetWorld, weight: int) -> None:
        with pytest.raises(TargetFailed, match="sum to 100 or to 0") as refused:
            world.target().converge(world.order(instance_set(world.release("v1"), weight=weight)), never)

        assert refused.value.code == "bad-target"
        assert not (world.root / "target" / "wish.json").exists()


class FileTargetContract(TargetContract):
    """Of targets whose releases may be files of the object store."""

    def test_release_from_the_object_store(self, world: TargetWorld) -> None:
        packed, target = world.packed_release("v1"), world.target()

        target.converge(world.order(instance_set(packed)), never)

        assert world.visit(target) == "v1"

    def test_release_that_takes_long_to_fetch_gives_way_to_what_is_wanted_now(self, world: TargetWorld) -> None:
        v1, packed = world.release("v1"), world.packed_release("v2")
        world.target().converge(world.order(instance_set(v1)), never)
        stored = world.root / "objects" / packed.artifact.location
        data = stored.read_bytes()
        stored.unlink()
        # Who reads a pipe waits for who writes it.
        os.mkfifo(stored)

        with pytest.raises(Superseded):
            world.target().converge(world.order(instance_set(packed)), after(3))
        status = world.target().converge(world.order(instance_set(v1), at_once=True), never)

        assert by_set(status) == {"v1": (1, 100)}
        assert world.visit(world.target()) == "v1"
        stored.write_bytes(data)

    def test_file_that_is_not_what_was_released_is_refused(self, world: TargetWorld) -> None:
        packed, target = world.packed_release("v1"), world.target()
        world.objects.put(packed.artifact.location, b"something else")

        with pytest.raises(TargetFailed, match="is not what was released: its digest is sha256:") as refused:
            target.converge(world.order(instance_set(packed)), never)

        assert refused.value.code == "artifact-unavailable"

    def test_file_that_does_not_exist_is_refused(self, world: TargetWorld) -> None:
        artifact = Artifact("file", "sha256:" + "a" * 64, "releases/missing.tar.gz")
        missing = msgspec.structs.replace(world.release("v1"), artifact=artifact)

        with pytest.raises(TargetFailed, match=r"the object store has no 'releases/missing\.tar\.gz'") as refused:
            world.target().converge(world.order(instance_set(missing)), never)

        assert refused.value.code == "artifact-unavailable"


def without_counts(status: TargetStatus) -> dict[str, SetStatus]:
    """Visits of the test itself are requests, too."""
    return {each.name: msgspec.structs.replace(each, requests=None) for each in status.sets}


def after(questions: int) -> Callable[[], bool]:
    """Something newer is wanted from the so-manieth question on."""
    left = iter(range(questions))
    return lambda: next(left, None) is None


def quick(world: TargetWorld, order: Order) -> Order:
    """The same, giving up soon."""
    target = order.target
    health = getattr(target, "health", None)
    if health is None:
        return order
    soon = msgspec.structs.replace(health, start_timeout_seconds=1.5)
    return msgspec.structs.replace(order, target=msgspec.structs.replace(target, health=soon))
