"""Logs as viewers get them: archive, Kafka and live in one piece."""

from tests.support.gateway_house import GatewayHouse, Hand, log_of


def test_log_is_readable_while_the_job_runs_and_after(house: GatewayHouse, hand: Hand, app: str) -> None:
    run = house.new_run(app)
    key = hand.take(run)
    chunks = log_of(key, 4)
    hand.write(*chunks[:2])
    path = f"/api/v1/runs/{run}/jobs/build/attempts/latest/log"
    assert house.api.get(path).text == "".join(f"line {n}\n" for n in range(6))
    hand.write(*chunks[2:])
    hand.finish(key, chunks=4)
    house.run_when(run, lambda document: document["state"] == "finished")
    assert house.api.get(path).text == "".join(f"line {n}\n" for n in range(12))
