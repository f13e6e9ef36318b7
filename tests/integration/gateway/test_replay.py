"""`sealane replay --verify` beside processors as an installation has them."""

from infra.wiring.parts import replaying
from processors.replay import Replayed
from tests.support.gateway_house import GatewayHouse, stage


def test_states_are_compared_with_the_snapshots_of_the_live_processors(house: GatewayHouse, app: str) -> None:
    # A checkpoint is worth it after ten events for each stream.
    for _ in range(2):
        run = house.new_run(app, *(stage(f"stage-{number}") for number in range(30)))
        house.run_when(run, lambda document: document["state"] == "running")
        house.api.post(f"/api/v1/runs/{run}/cancel", json={})
    found: list[Replayed] = []

    def compared() -> bool:
        replay = replaying(house.settings, None, None)
        found[:] = [replay.run(verify=True)]
        replay.close()
        return found[0].compared > 0

    house.wait(compared, lambda: str(found))
    assert (found[0].faults, found[0].skipped) == ([], [])
