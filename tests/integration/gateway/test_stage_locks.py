"""A stage with steps of its own, a freeze and a rollout, over the API: who waits, who is let through, who is next."""

from typing import Any

import msgspec
import pytest

from core.pipeline.plan import StagePlan
from tests.support.delivery_shop import Shop, person
from tests.support.gateway_house import GatewayHouse, Hand, stage
from tests.support.terminal import Terminal

Json = dict[str, Any]
LIVE: StagePlan = msgspec.structs.replace(stage("live"), environment="staging")


def waits(run: Json) -> bool:
    return any(lock["state"] == "queued" for each in run["stages"] for lock in each["locks"])


@pytest.mark.usefixtures("deployer")
def test_stage_waits_for_a_freeze_and_a_rollout_for_the_stage(
    house: GatewayHouse, shop: Shop, hand: Hand, unique_name: str
) -> None:
    shop.release(1)
    shop.post(f"/apps/{shop.app}/environments/staging/freeze", reason="holidays")
    run = house.new_run(shop.app, LIVE)
    shown = house.run_when(run, waits)
    assert (shown["stages"][0]["state"], "holidays" in shown["reason"]) == ("waiting_environment", True)
    terminal = Terminal(house)
    assert "live: staging in us-east: frozen by admin until somebody lifts it: holidays" in terminal.says("show", run)
    override = f"/runs/{run}/stages/live/override"
    developer = person(house, f"{unique_name}-dev", "developer")
    assert developer.post(f"/api/v1{override}", json={"reason": "x"}).status_code == 403
    assert shop.refused(override.replace("live", "other"), reason="x") == (409, "deployment-not-waiting")
    assert "may go into" in terminal.says("override", shop.app, "staging", "--reason", "the shop is down")
    key = hand.take(run, "live")
    shop.post(f"/apps/{shop.app}/environments/staging/unfreeze")
    rollout = shop.deploy("staging")
    house.wait(lambda: bool(shop.place("staging")["queue"]))
    assert f"(stage live of run {run}) is being deployed" in terminal.says("envs", shop.app)
    place = shop.place("staging")
    assert (place["lock"]["run_id"], place["lock"]["stage"]) == (run, "live")
    assert f"stage 'live' of run {run}" in place["queue"][0]["reason"]
    hand.finish(key)
    assert house.run_when(run, lambda document: document["state"] == "finished")["outcome"] == "success"
    assert shop.rollout_when(rollout, state="finished")["outcome"] == "success"
    assert shop.place("staging")["lock"] is None
