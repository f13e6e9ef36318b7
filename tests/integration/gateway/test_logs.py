"""Logs as viewers get them: archive, Kafka and live in one piece."""

import json

import pytest

from tests.support.gateway_house import GatewayHouse, Hand, log_of
from tests.support.terminal import Terminal


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


@pytest.mark.parametrize("job", [(), ("build",)])
def test_program_gets_one_document_for_each_line(
    house: GatewayHouse, hand: Hand, app: str, job: tuple[str, ...]
) -> None:
    run = house.new_run(app)
    key = hand.take(run)
    hand.write(*log_of(key, 2))

    def documents() -> list[tuple[int, str]]:
        said = Terminal(house).says("logs", run, *job, "--json")
        return [(each["line"], each["text"]) for each in map(json.loads, said.splitlines())]

    lines = [(number, f"line {number}") for number in range(6)]
    assert documents() == lines
    hand.finish(key, chunks=2)
    house.run_when(run, lambda document: document["state"] == "finished")
    assert documents() == lines
