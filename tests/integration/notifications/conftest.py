"""One platform whose notifications go out, for the tests of this folder: each test uses an app of its own."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.wiring.parts import worker_parts
from tests.support.endpoints import Endpoint, endpoint
from tests.support.gateway_house import GatewayHouse
from tests.support.servers import embedded_kafka, fresh_database

Json = dict[str, Any]


@pytest.fixture(scope="package")
def house(kafka_template: Path, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHouse]:
    folder: Path = tmp_path_factory.mktemp("house")
    with (
        embedded_kafka(kafka_template) as kafka,
        fresh_database(postgres) as database_url,
        GatewayHouse(kafka, database_url, folder, notify_private_addresses=True) as running,
        _connectors(running),
    ):
        yield running


@contextlib.contextmanager
def _connectors(house: GatewayHouse) -> Iterator[None]:
    stop = threading.Event()
    loops = worker_parts(house.settings).loops
    threads = [threading.Thread(target=loops[name], args=(stop,)) for name in ("notifications", "notification-sender")]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join(30)


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    with endpoint() as made:
        yield made


class Subscribed:
    """A subscription to `hook` of the app `name`, which is its name too."""

    def __init__(self, house: GatewayHouse, hook: Endpoint, name: str, *types: str) -> None:
        self.house = house
        self.hook = hook
        self.name = name
        house.new_app(name)
        body = {"name": name, "kind": "webhook", "url": hook.url, "apps": [name], "types": list(types)}
        answer = self.house.settled(house.api.post("/api/v1/subscriptions", json=body))
        assert answer.status_code == 201, answer.text

    def get(self, path: str = "") -> Json:
        answer = self.house.api.get(f"/api/v1/subscriptions/{self.name}{path}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def post(self, path: str, body: Json | None = None) -> httpx.Response:
        return self.house.settled(self.house.api.post(f"/api/v1/subscriptions/{self.name}{path}", json=body or {}))

    def patch(self, body: Json) -> httpx.Response:
        return self.house.settled(self.house.api.patch(f"/api/v1/subscriptions/{self.name}", json=body))

    def deliveries(self) -> list[Json]:
        """The oldest first."""
        items: list[Json] = self.get("/deliveries")["items"]
        return items[::-1]

    def wait(self, condition: Callable[[list[Json]], bool]) -> list[Json]:
        self.house.wait(lambda: condition(self.deliveries()), lambda: json.dumps(self.deliveries(), indent=1))
        return self.deliveries()


@pytest.fixture
def subscribed(house: GatewayHouse, hook: Endpoint, unique_name: str) -> Subscribed:
    return Subscribed(house, hook, unique_name)
