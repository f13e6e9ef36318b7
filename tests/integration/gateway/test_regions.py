"""Regions over the API: how they are, where their jobs may go, and moving them on purpose."""

from typing import Any

from tests.support.gateway_house import GatewayHouse, Hand
from tests.support.household import TOPOLOGY

Json = dict[str, Any]


def region(house: GatewayHouse, name: str) -> Json:
    found: Json = next(each for each in house.api.get("/api/v1/regions").json()["items"] if each["name"] == name)
    return found


def job_of(document: Json) -> Json:
    """Nothing, while the run is not planned."""
    jobs: list[Json] = [job for stage in document["stages"] for job in stage["jobs"]]
    return jobs[0] if jobs else {"region": ""}


def test_region_tells_its_part_of_the_log_and_its_agents(house: GatewayHouse, hand: Hand) -> None:
    found = region(house, "us-east")
    assert found["state"] == "serving"
    partitions = len(TOPOLOGY.topic_specs()) * TOPOLOGY.partitions_per_region
    assert found["partitions"] == found["replicas"] == found["in_sync"] == partitions
    assert found["led_here"] + found["led_elsewhere"] == partitions
    assert found["evacuated_at"] is None
    house.wait(lambda: region(house, "us-east")["agents"] == 1)


def test_evacuated_region_moves_what_waits_and_lets_run_what_runs(house: GatewayHouse, hand: Hand, app: str) -> None:
    set_ = house.api.patch("/api/v1/pools/us-east/default", json={"fallback": ["eu-west/default"]})
    assert set_.status_code == 200, set_.text
    running = house.new_run(app)
    key = hand.take(running)

    evacuated = house.api.post("/api/v1/regions/us-east/evacuate").json()
    waiting = house.new_run(app)
    moved = house.run_when(waiting, lambda document: job_of(document)["region"] == "eu-west")

    assert (evacuated["state"], evacuated["evacuated_reason"], evacuated["busy"]) == ("evacuated", "asked", 1)
    assert evacuated["evacuated_by"]
    assert job_of(moved)["state"] == "queued"
    hand.finish(key)
    done = house.run_when(running, lambda document: document["state"] == "finished")
    assert (done["outcome"], job_of(done)["region"]) == ("success", "us-east")

    restored = house.api.post("/api/v1/regions/us-east/restore").json()
    assert (restored["state"], restored["evacuated_at"]) == ("serving", None)
    hand.take(waiting)
    assert job_of(house.run_when(waiting, lambda document: True))["region"] == "us-east"


def test_unknown_regions_are_refused_everywhere(house: GatewayHouse) -> None:
    answers = [
        house.api.post("/api/v1/regions/mars/evacuate"),
        house.api.post("/api/v1/regions/mars/restore"),
        house.api.patch("/api/v1/pools/mars/default", json={"fallback": []}),
        house.api.patch("/api/v1/pools/us-east/default", json={"fallback": ["mars/default"]}),
    ]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "region-unknown")] * 4


def test_pool_can_not_be_its_own_fallback(house: GatewayHouse) -> None:
    answer = house.api.patch("/api/v1/pools/us-east/default", json={"fallback": ["us-east/default"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "fallback-invalid")


def test_only_administrators_move_regions(house: GatewayHouse, unique_name: str) -> None:
    house.api.post("/api/v1/principals", json={"name": unique_name, "roles": ["developer"]})
    token = house.api.post(f"/api/v1/principals/{unique_name}/tokens", json={}).json()["token"]
    with house.client(token) as developer:
        assert developer.get("/api/v1/regions").status_code == 200
        assert developer.post("/api/v1/regions/us-east/evacuate").status_code == 403
