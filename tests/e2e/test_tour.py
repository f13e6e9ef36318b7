"""What `make up` shows: two releases of the sample go through dev, staging and production in three regions, under
traffic; then a broken one is pushed, and is back out of production before it has a second wave."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.platform import Platform
from tests.support.servers import scratch_directory

Json = dict[str, Any]
PLACES = {"dev us-east", "staging us-east", "production us-east", "production eu-west", "production ap-south"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with scratch_directory() as folder, Platform(folder, tour=True) as running:
        yield running


def deployed(platform: Platform) -> dict[str, str]:
    """Release by `<environment> <region>`."""
    environments = platform.get("/environments", app="hello")["items"]
    return {
        f"{each['name']} {place['region']}": place["release"]["id"] if place["release"] else ""
        for each in environments
        for place in each["places"]
    }


def rollout_of(platform: Platform, run: Json) -> Json:
    """The production rollout that the run made, once it is there."""
    found: list[Json] = []

    def made() -> bool:
        rollouts = platform.get("/rollouts", app="hello", environment="production")["items"]
        found[:] = [each for each in rollouts if each["run_id"] == run["id"]]
        return bool(found)

    platform.wait(made, 120, lambda: f"no rollout of {run['id']}")
    return found[0]


def weights(platform: Platform, rollout: Json, region: str) -> list[int]:
    """The new release's share in a region, as it grew."""
    placements = platform.get(f"/rollouts/{rollout['id']}")["placements"]
    (deployment,) = (each["deployment"] for each in placements if each["region"] == region and not each["rollback"])
    name = rollout["release"]["id"]
    return [shift["weights"].get(name, 0) for shift in deployment["traffic"]]


def test_two_releases_are_in_production_and_no_request_failed(platform: Platform) -> None:
    runs = [platform.finished_run("hello", number) for number in (1, 2)]
    assert [run["outcome"] for run in runs] == ["success", "success"]
    release = rollout_of(platform, runs[1])["release"]["id"]
    assert deployed(platform) == dict.fromkeys(PLACES, release)
    said = (platform.folder / "up.log").read_text()
    counted = re.search(r"(\d+) requests of users: (\d+) failed in the application, (\d+) for the platform's", said)
    assert counted is not None, said[-3000:]
    sent, *failed = map(int, counted.groups())
    assert sent > 1000
    assert failed == [0, 0]


def test_second_release_came_by_canary_in_two_waves(platform: Platform) -> None:
    rollout = rollout_of(platform, platform.finished_run("hello", 2))
    for region in ("us-east", "eu-west", "ap-south"):
        assert weights(platform, rollout, region) == [5, 25, 50, 100]
    document = platform.get(f"/rollouts/{rollout['id']}")
    started = {each["region"]: each["deployment"]["started_at"] for each in document["placements"]}
    finished = {each["region"]: each["deployment"]["finished_at"] for each in document["placements"]}
    assert finished["us-east"] < min(started["eu-west"], started["ap-south"])


def test_broken_version_is_taken_back_and_kept_out(platform: Platform) -> None:
    before = deployed(platform)
    sample: Path = platform.data / "hello"
    pushed = platform.start_command("./try", "broken", cwd=sample)
    run = platform.run_when("hello", 3, lambda run: True)
    rollout = rollout_of(platform, run)
    assert platform.sealane("approve", f"hello@{rollout['number']}").returncode == 0
    pushed.wait(180)
    assert platform.finished_run("hello", 3)["outcome"] == "failure"
    ended = platform.get(f"/rollouts/{rollout['id']}")
    assert ended["outcome"] == "rolled_back"
    assert [each["region"] for each in ended["placements"]] == ["us-east"]
    after = deployed(platform)
    assert {place: release for place, release in after.items() if place.startswith("production")} == {
        place: release for place, release in before.items() if place.startswith("production")
    }
    (broken,) = {release for place, release in after.items() if place == "staging us-east"}
    (production,) = (
        each for each in platform.get("/environments", app="hello")["items"] if each["name"] == "production"
    )
    assert [each["release_id"] for each in production["places"][0]["quarantine"]] == [broken]


def test_same_thresholds_judge_the_recorded_samples_the_same(platform: Platform) -> None:
    deployments = platform.get("/deployments", app="hello", limit=100)["items"]
    for deployment in deployments:
        again = platform.sealane_here("analysis", "replay", deployment["id"])
        assert again.exit_code == 0, again.output
