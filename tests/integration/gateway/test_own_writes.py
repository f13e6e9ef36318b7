"""Whoever started a run sees it at once: the answer of the write carries what the read has to wait for."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from gateway.cli.client import Client
from gateway.cli.context import find_run
from tests.support.gateway_house import GatewayHouse


def test_run_can_be_watched_as_soon_as_it_was_started(house: GatewayHouse, app: str) -> None:
    client = Client(house.settings.url, house.admin_token)
    for number in range(1, 11):
        started = client.post(f"/api/v1/apps/{app}/runs")
        name, document = next(client.events(f"/api/v1/runs/{started['run_id']}/watch"))
        assert (name, document["number"]) == ("run", number)


def test_consistency_of_the_answer_is_where_the_run_begins(house: GatewayHouse, app: str) -> None:
    answer = house.api.post(f"/api/v1/apps/{app}/runs", json={})
    token = answer.headers["Sealane-Consistency"]
    assert answer.json()["consistency"] == token
    assert token.startswith("sealane.runs.events:")
    (first,) = house.api.get(
        "/api/v1/events",
        params={"stream": f"run/{answer.json()['run_id']}", "type": "run.requested"},
        headers={"Sealane-Consistency": token},
    ).json()["items"]
    assert first["position"] == token


def test_repeated_request_has_the_run_too(house: GatewayHouse, app: str) -> None:
    key = {"Idempotency-Key": f"again-{app}"}
    first = house.api.post(f"/api/v1/apps/{app}/runs", json={}, headers=key)
    house.restart_gateway()
    again = house.api.post(f"/api/v1/apps/{app}/runs", json={}, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["run_id"] == first.json()["run_id"]
    assert find_run(Client(house.settings.url, house.admin_token), f"{app}#1")["id"] == first.json()["run_id"]


def test_same_key_at_the_same_time_is_one_request(house: GatewayHouse, app: str) -> None:
    key = {"Idempotency-Key": f"at-once-{app}"}

    def start(title: str) -> httpx.Response:
        return house.api.post(f"/api/v1/apps/{app}/runs", json={"title": title}, headers=key)

    with ThreadPoolExecutor(8) as threads:
        same = list(threads.map(start, ["same"] * 8))
        other = list(threads.map(start, ["other"] * 2))
    assert {answer.status_code for answer in same} == {201}
    assert len({answer.json()["run_id"] for answer in same}) == 1
    assert {(answer.status_code, answer.json()["code"]) for answer in other} == {(422, "idempotency-key-reused")}
    assert len(house.api.get("/api/v1/runs", params={"app": app}).json()["items"]) == 1


def test_token_is_good_with_its_first_request(house: GatewayHouse, unique_name: str) -> None:
    house.api.post("/api/v1/principals", json={"name": unique_name, "roles": ["viewer"]})
    for _ in range(10):
        token = house.api.post(f"/api/v1/principals/{unique_name}/tokens", json={}).json()["token"]
        with house.client(token) as viewer:
            assert viewer.get("/api/v1/whoami").status_code == 200
