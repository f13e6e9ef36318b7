"""What is particular to targets of containers."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest

from agents.targets.base import Superseded, TargetFailed
from agents.targets.containers import INSTANCE_LABEL, TARGET_LABEL
from core.environments.release import Artifact
from core.environments.settings import ComposeTarget, DockerTarget
from tests.support.container_world import ComposeWorld, DockerWorld
from tests.support.target_world import by_set, instance_set, keep_until, never


@pytest.fixture
def root_world(docker_host: str) -> Iterator[DockerWorld]:
    with DockerWorld.scratch() as made:
        yield made


@pytest.fixture
def compose_world(docker_host: str) -> Iterator[ComposeWorld]:
    with ComposeWorld.scratch() as made:
        yield made


def test_container_is_limited_labelled_and_told_who_it_is(root_world: DockerWorld) -> None:
    world = root_world
    target = world.target()
    target.converge(world.order(instance_set(world.release("v1", GREETING="hi"))), never)

    labels = {"label": f"sealane.target={world.containers(world.place()).target}"}
    found = world.client.containers.list(filters=labels)
    limits = found[0].attrs["HostConfig"]
    told = httpx.get(f"{target.addresses()[0].url}/cgi-bin/environment", trust_env=False).text.splitlines()

    told_by_label = {name: found[0].labels[f"sealane.{name}"] for name in ("release", "region", "deployment-id")}
    assert told_by_label == {"release": "v1", "region": "us-east", "deployment-id": "us-east-0123456789abcdef"}
    assert (limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) == (64 << 20, 10**9, 4096)
    assert limits["SecurityOpt"] == ["no-new-privileges"]
    assert limits["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    assert {"GREETING=hi", "RELEASE=v1", "REGION=us-east", "PORT=8080"} <= set(told)


def test_tag_that_was_moved_to_another_image_is_refused(root_world: DockerWorld) -> None:
    world = root_world
    v1 = world.release("v1")
    gone = msgspec.structs.replace(v1, artifact=Artifact("image", "sha256:" + "b" * 64, v1.artifact.location))

    with pytest.raises(TargetFailed, match="is not what was released: its id is sha256:") as refused:
        world.target().converge(world.order(instance_set(gone)), never)

    assert refused.value.code == "artifact-unavailable"


def test_files_are_no_image(root_world: DockerWorld) -> None:
    world = root_world

    with pytest.raises(TargetFailed, match="release v1 is a file, not an image") as refused:
        world.target().converge(world.order(instance_set(world.packed_release("v1"))), never)

    assert refused.value.code == "bad-target"


def test_engine_that_is_not_there_is_said(root_world: DockerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = root_world
    v1 = world.release("v1")
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        with pytest.raises(TargetFailed, match="the Docker engine refused or is not there") as refused:
            world.target().converge(world.order(instance_set(v1)), never)
        assert refused.value.code == "target-unavailable"


def test_container_that_was_removed_behind_our_back_is_made_again(root_world: DockerWorld) -> None:
    world = root_world
    target = world.target()
    target.converge(world.order(instance_set(world.release("v1"), 2)), never)

    world.client.containers.get(f"sealane-{world.containers(world.place()).target}-v1-1").remove(force=True)
    keep_until(target, lambda kept: by_set(kept.status()) == {"v1": (2, 100)})

    assert [each.restarts for each in target.status().sets] == [1]


def test_container_that_was_never_started_is_made_again(root_world: DockerWorld) -> None:
    world = root_world
    v1, target = world.release("v1"), world.target()
    name = f"sealane-{world.containers(world.place()).target}-v1-1"
    world.client.containers.create(v1.artifact.digest, name=name, labels=labels_of(world, "v1-1"))

    status = target.converge(world.order(instance_set(v1)), never)

    assert by_set(status) == {"v1": (1, 100)}


def test_what_an_earlier_kind_of_target_left_goes_with_the_next_order(compose_world: ComposeWorld) -> None:
    world, target = compose_world, compose_world.target()
    v1 = world.release("v1")
    target.converge(world.order(instance_set(v1)), never)
    v2 = msgspec.structs.replace(v1, id="v2", artifact=Artifact("image", v1.config["IMAGE"], ""))
    docker = DockerTarget(health=world.settings.health)
    place = world.place()
    with place.locked(f"{project_of(world)}.lock"):
        target.converge(world.order(instance_set(v2), settings=docker), never)
    assert stores(world) == ["running"]

    target.converge(world.order(instance_set(v2, 2), settings=docker), never)

    assert stores(world) == []


def test_each_set_has_a_project_whose_other_services_live_as_long(compose_world: ComposeWorld) -> None:
    world, target = compose_world, compose_world.target()
    v1, v2 = world.release("v1"), world.release("v2")
    target.converge(world.order(instance_set(v1, 2, 75), instance_set(v2, 1, 25, "canary")), never)
    assert stores(world) == ["running", "running"]

    target.stop()
    assert stores(world) == ["exited", "exited"]
    keep_until(target, lambda kept: by_set(kept.status()) == {"v1": (2, 75), "v2": (1, 25)})
    assert stores(world) == ["running", "running"]

    target.converge(world.order(instance_set(v1, 2)), never)
    assert stores(world) == ["running"]
    target.remove()
    assert stores(world) == []


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        (
            ComposeTarget(service="api"),
            "bad-target",
            r"compose\.yaml of release v1 has no service 'api' \(it has store, web\)",
        ),
        (ComposeTarget(service="web", file="other.yaml"), "artifact-unavailable", r"has no compose file 'other\.yaml'"),
    ],
)
def test_file_or_service_that_is_not_there_is_named(
    compose_world: ComposeWorld, target: ComposeTarget, code: str, message: str
) -> None:
    order = compose_world.order(instance_set(compose_world.release("v1")), settings=target)

    with pytest.raises(TargetFailed, match=message) as refused:
        compose_world.target().converge(order, never)

    assert refused.value.code == code


def test_deployer_that_lost_its_order_and_the_next_one_bring_up_the_same_project(compose_world: ComposeWorld) -> None:
    world = compose_world
    order = world.order(instance_set(world.release("v1")))

    with ThreadPoolExecutor(3) as deployers:
        states = list(deployers.map(lambda _: world.target().converge(order, never), range(3)))

    assert [by_set(each) for each in states] == [{"v1": (1, 100)}] * 3
    assert stores(world) == ["running"]


def test_nothing_stays_of_what_was_brought_up_in_vain(compose_world: ComposeWorld) -> None:
    world, target = compose_world, compose_world.target()
    v1, v2 = world.release("v1"), world.release("v2")
    target.converge(world.order(instance_set(v1)), never)

    def prepares() -> bool:
        return len(list(world.root.glob("target/*.lock"))) == 2

    with pytest.raises(Superseded):
        target.converge(world.order(instance_set(v1), instance_set(v2, 1, 0)), prepares)
    target.converge(world.order(instance_set(v1)), never)
    for thread in threading.enumerate():
        if thread.name == "giving-way":
            thread.join()

    assert by_set(target.status()) == {"v1": (1, 100)}
    assert stores(world) == ["running"]
    assert len(list(world.root.glob("target/*.lock"))) == 1


def test_environment_moves_from_one_kind_of_containers_to_another(compose_world: ComposeWorld) -> None:
    world, target = compose_world, compose_world.target()
    v1 = world.release("v1")
    target.converge(world.order(instance_set(v1)), never)
    image = Artifact("image", v1.config["IMAGE"], "")
    v2 = msgspec.structs.replace(v1, id="v2", artifact=image)
    docker = DockerTarget(health=world.settings.health)

    status = target.converge(world.order(instance_set(v2), settings=docker), never)

    assert by_set(status) == {"v2": (1, 100)}
    assert stores(world) == []


def labels_of(world: DockerWorld, instance: str) -> dict[str, str]:
    return {TARGET_LABEL: world.containers(world.place()).target, INSTANCE_LABEL: instance}


def project_of(world: ComposeWorld) -> str:
    """Of the only set that had a command."""
    (lock,) = world.root.glob("target/*.lock")
    return lock.stem


def stores(world: ComposeWorld) -> list[str]:
    """The states of the service beside, one for each project of the target."""
    prefix = f"sealane-{world.containers(world.place()).target}-"
    found = world.client.containers.list(all=True, filters={"label": "com.docker.compose.service=store"})
    return [each.status for each in found if each.labels["com.docker.compose.project"].startswith(prefix)]
