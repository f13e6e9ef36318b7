"""Delivery over the API: releases come in, go through environments, and back; who may what, and what is refused."""

import re
from typing import Any

import httpx
import pytest

from gateway.cli.client import Client
from tests.support.delivery_shop import Shop, archive, held, person
from tests.support.deployer_hand import DeployerHand
from tests.support.gateway_house import GatewayHouse

Json = dict[str, Any]


@pytest.mark.usefixtures("deployer")
def test_newest_release_goes_where_it_is_sent(shop: Shop) -> None:
    shop.release(1)
    second = shop.release(2)
    found = shop.delivered("staging")
    assert (found["outcome"], found["release"]["id"], found["strategy"]) == ("success", second, "recreate")
    place = shop.place("staging")
    assert (place["release"]["id"], place["by"], place["address"]) == (second, "admin", "http://127.0.0.1:9")
    (environment,) = (each for each in shop.get("/environments", app=shop.app)["items"] if each["name"] == "staging")
    assert environment["places"][0]["release"]["commit"].endswith("2")


@pytest.mark.usefixtures("deployer")
def test_release_of_another_environment_is_promoted(shop: Shop) -> None:
    first = shop.release(1)
    shop.delivered("staging")
    shop.release(2)
    assert shop.delivered("canary", release="@staging")["release"]["id"] == first
    assert shop.refused(f"/apps/{shop.app}/deployments", environment="staging", release="@production") == (
        404,
        "release-unknown",
    )


@pytest.mark.usefixtures("deployer")
def test_canary_waits_for_its_promotion_and_shows_weights_and_samples(shop: Shop) -> None:
    shop.release(1)
    shop.delivered("canary")
    second = shop.release(2)
    rollout = shop.deploy("canary")
    deployment = held(shop, rollout)
    assert deployment["weights"][second] == 10
    assert [step["weight"] for step in deployment["steps"]][:1] == [10]
    shop.house.wait(lambda: len(held(shop, rollout)["checks"][0]["points"]) >= 2)
    paused = shop.post(f"/rollouts/{rollout}/pause", reason="lunch")
    assert paused["changed"]
    assert shop.rollout_when(rollout, state="paused")["reason"] == "paused by admin: lunch"
    shop.post(f"/rollouts/{rollout}/resume")
    shop.post(f"/deployments/{deployment['id']}/promote")
    found = shop.rollout_when(rollout, state="finished")
    assert found["outcome"] == "success"
    samples = shop.get(f"/deployments/{deployment['id']}/samples")["items"]
    assert [sample["number"] for sample in samples][:2] == [1, 2]
    assert samples[0]["measurements"][0]["result"] == "passed"
    history = shop.get(f"/apps/{shop.app}/history", environment="canary")["items"]
    assert [each["release"]["id"] for each in history] == [second, "1-00000001"]


def test_breach_takes_it_back_and_keeps_it_out(shop: Shop, deployer: DeployerHand) -> None:
    first = shop.release(1)
    shop.delivered("canary")
    second = shop.release(2)
    deployer.error_rate = 0.5
    try:
        found = shop.delivered("canary")
    finally:
        deployer.error_rate = 0.0
    assert (found["outcome"], found["code"]) == ("rolled_back", "analysis-failed")
    deployment = found["placements"][0]["deployment"]
    assert (deployment["rollback"]["check"], deployment["rollback"]["value"]) == ("error-rate", 0.5)
    place = shop.place("canary")
    assert place["release"]["id"] == first
    assert [each["release_id"] for each in place["quarantine"]] == [second]
    lifted = shop.post(f"/apps/{shop.app}/environments/canary/quarantine/{second}/lift", reason="it was the load")
    assert lifted["places"][0]["quarantine"] == []
    again = shop.refused(f"/apps/{shop.app}/environments/canary/quarantine/{second}/lift")
    assert again == (409, "release-not-quarantined")


@pytest.mark.usefixtures("deployer")
def test_rollback_goes_to_what_was_there_before(shop: Shop) -> None:
    where = f"/apps/{shop.app}/rollbacks"
    assert shop.refused(where, environment="staging") == (409, "nothing-to-roll-back-to")
    first = shop.release(1)
    shop.delivered("staging")
    assert shop.refused(where, environment="staging") == (409, "nothing-to-roll-back-to")
    shop.release(2)
    third = shop.release(3)
    shop.delivered("staging", release="2-00000002")
    shop.delivered("staging")
    assert shop.refused(where, environment="staging", to="9-nothing") == (404, "release-unknown")
    assert shop.refused(where, environment="mars") == (404, "environment-unknown")
    assert shop.refused(where, environment="staging", regions=["mars"]) == (404, "region-unknown")
    back = shop.rollout_when(shop.post(where, environment="staging")["rollout_id"], state="finished")
    assert (back["kind"], back["outcome"], back["release"]["id"]) == ("rollback", "success", "2-00000002")
    place = shop.place("staging")
    assert place["release"]["id"] == "2-00000002"
    assert [each["release_id"] for each in place["quarantine"]] == [third]
    back = shop.rollout_when(shop.post(where, environment="staging", to=first)["rollout_id"], state="finished")
    assert shop.place("staging")["release"]["id"] == first
    newest = shop.get(f"/apps/{shop.app}/history")["items"][0]
    assert (newest["rollback"], newest["rollout_id"]) == (True, back["id"])


@pytest.mark.usefixtures("deployer")
def test_rollback_of_what_is_under_way_ends_it(shop: Shop) -> None:
    first = shop.release(1)
    shop.delivered("canary")
    shop.release(2)
    rollout = shop.deploy("canary")
    held(shop, rollout)
    key = {"Idempotency-Key": f"back-{shop.app}"}
    body = {"environment": "canary"}
    answer = shop.ok(shop.api.post(f"/api/v1/apps/{shop.app}/rollbacks", json=body, headers=key))
    assert (answer["rollout_id"], answer["aborted"]) == (rollout, True)
    found = shop.rollout_when(rollout, state="finished")
    assert (found["outcome"], found["aborted"]["by"]) == ("aborted", "admin")
    assert shop.place("canary")["release"]["id"] == first
    again = shop.ok(shop.api.post(f"/api/v1/apps/{shop.app}/rollbacks", json=body, headers=key))
    assert (again["rollout_id"], again["aborted"]) == (rollout, True)


@pytest.mark.usefixtures("deployer")
def test_approval_by_somebody_else_lets_it_in(shop: Shop, house: GatewayHouse, unique_name: str) -> None:
    shop.release(1)
    rollout = shop.deploy("production")
    waiting = shop.rollout_when(rollout, state="waiting_approval")
    assert waiting["reason"] == "waits for 1 more approval(s)"
    pending = shop.get("/approvals")["rollouts"]
    assert rollout in [each["rollout_id"] for each in pending]
    assert shop.refused(f"/rollouts/{rollout}/approvals", approve=True) == (403, "self-approval")
    developer = person(house, f"{unique_name}-dev", "developer")
    assert developer.post(f"/api/v1/rollouts/{rollout}/approvals", json={"approve": True}).status_code == 403
    boss = person(house, f"{unique_name}-boss", "approver")
    link = boss.post(f"/api/v1/rollouts/{rollout}/approval-links").json()
    path = link["url"].removeprefix(house.settings.url)
    page = house.api.get(path)
    assert page.status_code == 200
    assert "Release 1-00000001 to production?" in page.text
    assert f"{unique_name}-boss" in page.text
    assert shop.rollout_when(rollout)["state"] == "waiting_approval"
    done = httpx.post(f"{house.settings.url}{path}", data={"choice": "approve", "comment": "go"})
    assert (done.status_code, "You approved it" in done.text) == (200, True)
    found = shop.rollout_when(rollout, state="finished")
    assert (found["outcome"], found["approval"]["votes"][0]["by"]) == ("success", f"{unique_name}-boss")
    assert [each["region"] for each in found["placements"]] == ["us-east", "eu-west"]
    again = httpx.post(f"{house.settings.url}{path}", data={"choice": "approve"})
    assert again.status_code == 409
    assert "waits for nobody any more" in httpx.get(f"{house.settings.url}{path}").text


def test_link_of_a_revoked_token_is_worth_nothing(shop: Shop, house: GatewayHouse, unique_name: str) -> None:
    shop.release(1)
    rollout = shop.deploy("production")
    shop.rollout_when(rollout, state="waiting_approval")
    boss = person(house, f"{unique_name}-boss", "approver")
    link = boss.post(f"/api/v1/rollouts/{rollout}/approval-links").json()
    (token,) = house.api.get(f"/api/v1/principals/{unique_name}-boss").json()["tokens"]
    gone = house.api.delete(f"/api/v1/principals/{unique_name}-boss/tokens/{token['id']}")
    assert gone.status_code == 200
    house.wait(lambda: httpx.get(link["url"]).status_code == 403)
    assert httpx.post(link["url"], data={"choice": "approve"}).status_code == 403
    forged = re.sub(r"/approve/.", "/approve/X", link["url"])
    assert httpx.get(forged).status_code == 404
    shop.post(f"/rollouts/{rollout}/abort", reason="no more")
    assert shop.rollout_when(rollout, state="finished")["outcome"] == "aborted"
    assert shop.refused(f"/rollouts/{rollout}/approval-links") == (409, "approval-not-pending")


@pytest.mark.usefixtures("deployer")
def test_frozen_deployment_waits_until_somebody_overrides(shop: Shop, house: GatewayHouse, unique_name: str) -> None:
    shop.release(1)
    where = f"/apps/{shop.app}/environments/staging"
    frozen = shop.post(f"{where}/freeze", reason="holidays")
    assert frozen["places"][0]["frozen"]["reason"] == "holidays"
    rollout = shop.deploy("staging")
    found: list[Json] = []

    def waits() -> bool:
        placements = shop.get(f"/rollouts/{rollout}")["placements"]
        found[:] = [each["deployment"] for each in placements if each["deployment"]]
        return bool(found) and found[0]["state"] == "waiting"

    house.wait(waits, lambda: str(found)[:2000])
    assert "holidays" in found[0]["reason"]
    (waiting,) = shop.place("staging")["queue"]
    assert waiting["deployment_id"] == found[0]["id"]
    developer = person(house, f"{unique_name}-dev", "developer")
    override = f"/deployments/{found[0]['id']}/override"
    assert developer.post(f"/api/v1{override}", json={"reason": "x"}).status_code == 403
    body = {"environment": "staging", "override_reason": "x"}
    assert developer.post(f"/api/v1/apps/{shop.app}/deployments", json=body).status_code == 403
    assert shop.refused(override, reason="  ")[0] == 422
    shop.post(override, reason="the shop is down")
    assert shop.rollout_when(rollout, state="finished")["outcome"] == "success"
    marked = shop.get("/events", type="environment.freeze_overridden", limit=1)["items"][0]["data"]
    assert (marked["by"], marked["reason"]) == ("admin", "the shop is down")
    assert shop.post(f"{where}/unfreeze")["places"][0]["frozen"] is None


def test_archive_becomes_a_release_by_its_digest(shop: Shop) -> None:
    path = f"/api/v1/apps/{shop.app}/artifacts"
    data = archive({"index.html": b"<h1>hi</h1>" * 200_000})
    uploaded = shop.ok(shop.api.post(path, content=data))
    assert shop.ok(shop.api.post(path, content=data)) == uploaded
    made = shop.post(f"/apps/{shop.app}/releases", kind="file", digest=uploaded["digest"], config={"COLOUR": "blue"})
    release = uploaded["digest"].removeprefix("sha256:")[:12]
    assert made["changed"]
    again = shop.post(f"/apps/{shop.app}/releases", kind="file", digest=uploaded["digest"], config={"COLOUR": "blue"})
    assert not again["changed"]
    found = shop.get(f"/apps/{shop.app}/releases/{release}")
    assert (found["kind"], found["config"], found["location"]) == (
        "file",
        {"COLOUR": "blue"},
        f"releases/{shop.app}/{uploaded['digest'][7:]}.tar.gz",
    )
    other = {"id": release, "kind": "image", "digest": f"sha256:{'0' * 64}", "location": "shop:1"}
    assert shop.refused(f"/apps/{shop.app}/releases", **other) == (409, "release-exists")
    missing = {"kind": "file", "digest": f"sha256:{'1' * 64}"}
    assert shop.refused(f"/apps/{shop.app}/releases", **missing) == (404, "artifact-unknown")


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8bgarbage"])
def test_what_is_no_archive_is_refused(shop: Shop, data: bytes) -> None:
    answer = shop.api.post(f"/api/v1/apps/{shop.app}/artifacts", content=data)
    assert (answer.status_code, answer.json()["code"]) == (422, "artifact-invalid")


def test_archive_that_would_leave_its_folder_is_refused(shop: Shop) -> None:
    answer = shop.api.post(f"/api/v1/apps/{shop.app}/artifacts", content=archive({"../../etc/passwd": b"x"}))
    assert (answer.status_code, answer.json()["code"]) == (422, "artifact-invalid")


def test_delivery_file_is_refused_with_its_places(shop: Shop) -> None:
    bad = b"environments:\n  staging:\n    regions: [us-east]\n    strategy: rowling\n"
    answer = shop.api.put(f"/api/v1/apps/{shop.app}/environments", content=bad)
    assert (answer.status_code, answer.json()["code"]) == (422, "delivery-file-invalid")
    (problem,) = answer.json()["file_problems"]
    assert (problem["line"], problem["file"]) == (4, "delivery.yml")
    names = [each["name"] for each in shop.get(f"/apps/{shop.app}/environments")["items"]]
    assert names == ["staging", "canary", "production"]


def test_word_is_given_back_to_the_files(shop: Shop) -> None:
    assert shop.get(f"/apps/{shop.app}/environments/staging")["source"] == "api"
    shop.ok(shop.api.delete(f"/api/v1/apps/{shop.app}/environments"))
    found = shop.get(f"/apps/{shop.app}/environments/staging")
    assert (found["source"], found["declared"]) == ("file", True)


def test_what_does_not_exist_is_a_404(shop: Shop) -> None:
    where = f"/apps/{shop.app}/deployments"
    assert shop.refused(where, environment="staging") == (404, "release-unknown")
    shop.release(1)
    assert shop.refused(where, environment="mars") == (404, "environment-unknown")
    assert shop.refused(where, environment="staging", release="9-none") == (404, "release-unknown")
    assert shop.refused(where, environment="staging", regions=["mars"]) == (404, "region-unknown")
    assert shop.refused("/apps/none/deployments", environment="staging") == (404, "app-unknown")
    assert shop.refused("/rollouts/us-east-0123456789abcdef/promote") == (404, "rollout-unknown")
    assert shop.refused("/deployments/us-east-0123456789abcdef/abort") == (404, "deployment-unknown")


@pytest.mark.usefixtures("deployer")
def test_rollout_is_watched_until_it_ends(shop: Shop) -> None:
    shop.release(1)
    rollout = shop.deploy("staging")
    client = Client(shop.house.settings.url, shop.house.admin_token)
    documents = [document for _, document in client.events(f"/api/v1/rollouts/{rollout}/watch")]
    versions = [document["version"] for document in documents]
    assert versions == sorted(set(versions))
    assert documents[-1]["state"] == "finished"
    assert documents[-1]["placements"][0]["deployment"]["state"] in ("finished", "watching")


@pytest.mark.usefixtures("deployer")
def test_same_key_is_one_rollout(shop: Shop) -> None:
    shop.release(1)
    key = {"Idempotency-Key": f"deploy-{shop.app}"}
    path, body = f"/api/v1/apps/{shop.app}/deployments", {"environment": "staging"}
    first = shop.ok(shop.api.post(path, json=body, headers=key))
    again = shop.api.post(path, json=body, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["rollout_id"] == first["rollout_id"]
    assert len(shop.get("/rollouts", app=shop.app)["items"]) == 1
