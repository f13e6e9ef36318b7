"""An app with environments on a gateway house, and what people do with it."""

import io
import tarfile
from typing import Any

import httpx

from tests.support.gateway_house import GatewayHouse

Json = dict[str, Any]

DELIVERY = b"""
environments:
  staging:
    regions: [us-east]
    strategy: recreate
    target: {process: {command: ./serve}}
  canary:
    regions: [us-east]
    strategy:
      canary:
        steps: [{weight: 10, for: manual}, {weight: 100}]
        analysis: {interval: 1s, checks: [{metric: error-rate, max: 0.01}]}
    target: {process: {command: ./serve}}
  production:
    regions: [us-east, eu-west]
    waves: [[us-east], [eu-west]]
    strategy: rolling
    approval: {count: 1, prevent_self_approval: true}
    target: {process: {command: ./serve}}
"""


class Shop:
    """An app with environments, and what people do with it."""

    def __init__(self, house: GatewayHouse, app: str) -> None:
        self.house = house
        self.app = app
        self.api = house.client(house.admin_token)
        self.ok(self.api.put(f"/api/v1/apps/{app}/environments", content=DELIVERY))

    def ok(self, answer: httpx.Response) -> Json:
        assert answer.status_code < 300, answer.text
        found: Json = self.house.settled(answer).json()
        return found

    def post(self, path: str, **body: Any) -> Json:
        return self.ok(self.api.post(f"/api/v1{path}", json=body))

    def get(self, path: str, **params: Any) -> Json:
        return self.ok(self.api.get(f"/api/v1{path}", params=params))

    def refused(self, path: str, **body: Any) -> tuple[int, str]:
        answer = self.api.post(f"/api/v1{path}", json=body)
        return answer.status_code, answer.json()["code"]

    def release(self, number: int) -> str:
        commit = f"{number:x}".rjust(40, "0")
        release = f"{number}-{commit[-8:]}"
        self.post(f"/apps/{self.app}/releases", id=release, kind="tree", commit=commit, title=f"change {number}")
        return release

    def deploy(self, environment: str, **body: Any) -> str:
        rollout: str = self.post(f"/apps/{self.app}/deployments", environment=environment, **body)["rollout_id"]
        return rollout

    def rollout_when(self, rollout: str, **wanted: Any) -> Json:
        found: list[Json] = []

        def met() -> bool:
            found[:] = [self.get(f"/rollouts/{rollout}")]
            return all(found[0][name] == value for name, value in wanted.items())

        self.house.wait(met, lambda: str(found)[:3000])
        return found[0]

    def delivered(self, environment: str, **body: Any) -> Json:
        return self.rollout_when(self.deploy(environment, **body), state="finished")

    def place(self, environment: str, region: str = "us-east") -> Json:
        places = self.get(f"/apps/{self.app}/environments/{environment}")["places"]
        found: Json = next(each for each in places if each["region"] == region)
        return found


def held(shop: Shop, rollout: str) -> Json:
    """The deployment of a rollout that stands at its first step."""
    found: list[Json] = []

    def met() -> bool:
        placements = shop.get(f"/rollouts/{rollout}")["placements"]
        found[:] = [each["deployment"] for each in placements if each["deployment"]]
        return bool(found) and found[0]["state"] == "holding"

    shop.house.wait(met, lambda: str(found)[:3000])
    return found[0]


def person(house: GatewayHouse, name: str, *roles: str) -> httpx.Client:
    house.settled(house.api.post("/api/v1/principals", json={"name": name, "roles": list(roles)}))
    issued = house.settled(house.api.post(f"/api/v1/principals/{name}/tokens", json={}))
    return house.client(issued.json()["token"])


def archive(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return written.getvalue()
