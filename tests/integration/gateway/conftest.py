"""One gateway with all that is behind it, for the tests of this folder: each test uses an app of its own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.wiring.parts import worker_parts
from tests.support.delivery_shop import Shop
from tests.support.deployer_hand import DeployerHand
from tests.support.gateway_house import GatewayHouse, Hand
from tests.support.servers import embedded_kafka, fresh_database


@pytest.fixture(scope="package")
def house(kafka_template: Path, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHouse]:
    folder = tmp_path_factory.mktemp("gateway")
    with (
        embedded_kafka(kafka_template) as bootstrap_servers,
        fresh_database(postgres) as database_url,
        GatewayHouse(bootstrap_servers, database_url, folder, snapshot_every_events=50) as running,
    ):
        yield running


@pytest.fixture
def hand(house: GatewayHouse) -> Hand:
    """Connected anew: it sends no heartbeats, so half a minute later it counts as lost."""
    return Hand(house)


@pytest.fixture
def app(house: GatewayHouse, unique_name: str) -> str:
    """The name of a new app."""
    return house.new_app(unique_name)


@pytest.fixture(scope="package")
def ingest(house: GatewayHouse) -> Iterator[None]:
    """The connector that makes triggers of deliveries."""
    stop = threading.Event()
    thread = threading.Thread(target=worker_parts(house.settings).loops["ingest"], args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join(30)


@pytest.fixture(scope="module")
def deployer(house: GatewayHouse) -> Iterator[DeployerHand]:
    """Deployer and sampler of all regions."""
    with DeployerHand(house) as playing:
        yield playing


@pytest.fixture
def shop(house: GatewayHouse, app: str) -> Shop:
    """A new app with environments."""
    return Shop(house, app)
