"""Whether the gateway is ready is asked of the servers behind it, each time; it says which of them is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded import kafka, postgres
from infra.embedded.process import Server
from tests.support.gateway_house import GatewayHouse, Json
from tests.support.servers import TEST_BROKER, scratch_directory


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[tuple[GatewayHouse, Server, Server]]:
    """A house with servers that may be killed."""
    with scratch_directory() as one, scratch_directory() as two:
        broker = kafka.start(one, settings=TEST_BROKER)
        database = postgres.start(two, durable=False)
        try:
            with GatewayHouse(broker.bootstrap_servers, database.dsn, tmp_path) as house:
                yield house, broker, database
        finally:
            broker.kill()
            database.kill()


def checks(house: GatewayHouse) -> Json:
    found: Json = house.api.get("/readyz").json()["checks"]
    return found


def test_ready_until_a_server_is_away_and_says_which(lonely: tuple[GatewayHouse, Server, Server]) -> None:
    house, broker, database = lonely
    assert set(checks(house).values()) == {"ok"}
    database.kill()
    house.wait(lambda: checks(house)["postgres"] != "ok")
    assert house.api.get("/readyz").status_code == 503
    assert checks(house)["kafka"] == "ok"
    broker.kill()
    house.wait(lambda: checks(house)["kafka"] != "ok")
    assert house.api.get("/healthz").status_code == 200
