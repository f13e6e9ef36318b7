"""What becomes of what the forges send: from the signed request over the real log to a run, or to why there is none."""

import hashlib
import hmac
from typing import Any

import httpx
import pytest

from core.forges.urls import builtin_url
from gateway.webhooks.signatures import sign
from tests.support.forge_payloads import samples as s
from tests.support.forge_payloads.samples import AFTER, BEFORE, ZERO, Sample
from tests.support.gateway_house import GatewayHouse, Json

pytestmark = pytest.mark.usefixtures("ingest")

FORGES = ("github", "gitlab", "bitbucket-cloud", "bitbucket-dc", "gitea", "builtin")
NEXT = "c" * 40


class Hook:
    """A forge that posts to the house for one app of its own."""

    def __init__(self, house: GatewayHouse, forge: str, name: str) -> None:
        self.house, self.forge, self.app = house, forge, name
        body = {"name": name, "repository_url": self._url(), "forge": forge}
        answer = house.settled(house.api.post("/api/v1/apps", json=body))
        assert answer.status_code == 201, answer.text
        self._secret = house.api.get(f"/api/v1/apps/{name}/webhook").json()["secret"]

    def _url(self) -> str:
        return {
            "github": "https://github.com/acme/shop.git",
            "gitlab": "https://gitlab.example.com/acme/shop.git",
            "bitbucket-cloud": "https://bitbucket.org/acme/shop.git",
            "bitbucket-dc": "https://bitbucket.example.com/scm/acme/shop.git",
            "gitea": "http://gitea.example.com:3000/acme/shop.git",
            "builtin": builtin_url(self.app),
        }[self.forge]

    def push(self, branch: str = "main", before: str = BEFORE, after: str = AFTER) -> Sample:
        ref = f"refs/heads/{branch}"
        if self.forge == "bitbucket-cloud":
            old, new = (None if commit == ZERO else commit for commit in (before, after))
            return s.bitbucket_cloud_push(s.cloud_change(branch, old, new))
        if self.forge == "builtin":
            payload = {"app": self.app, "ref": ref, "before": before, "after": after, "actor": "mona"}
            return Sample("builtin", "X-Sealane-Event", "push", "X-Sealane-Delivery", payload)
        made: Any = {
            "github": s.github_push,
            "gitlab": s.gitlab_push,
            "bitbucket-dc": s.bitbucket_dc_push,
            "gitea": s.gitea_push,
        }[self.forge]
        found: Sample = made(ref, before, after)
        return found

    def post(self, sample: Sample, number: int, secret: str = "", body: bytes = b"") -> httpx.Response:
        """`number` names the delivery; the same one is the same delivery."""
        body = body or sample.body
        headers = {
            "Content-Type": "application/json",
            sample.event_header: sample.event,
            sample.delivery_header: self.delivery(number),
        }
        return self.house.client("").post(
            f"/webhooks/{self.forge}", content=body, headers=headers | self._signature(secret or self._secret, body)
        )

    def _signature(self, secret: str, body: bytes) -> dict[str, str]:
        if self.forge == "gitlab":
            return {"X-Gitlab-Token": secret}
        header = {
            "github": "X-Hub-Signature-256",
            "gitea": "X-Gitea-Signature",
            "builtin": "X-Sealane-Signature",
        }.get(self.forge, "X-Hub-Signature")
        plain = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {header: plain if self.forge == "gitea" else sign(secret, body)}

    def delivery(self, number: int) -> str:
        return f"{self.app}-{number}"

    def accepted(self, sample: Sample, number: int) -> Json:
        """Post it, and wait for what the app makes of it."""
        answer = self.post(sample, number)
        assert answer.status_code == 202, answer.text
        return self.became(answer.json()["delivery_id"])

    def became(self, delivery_id: str) -> Json:
        found: list[Json] = []

        def decided() -> bool:
            found[:] = self.house.api.get(f"/api/v1/deliveries/{delivery_id}").json().get("results", [])
            return bool(found) and (bool(found[0]["code"]) or found[0]["number"] is not None)

        self.house.wait(decided, lambda: f"nothing became of {delivery_id}")
        return found[0]

    def runs(self) -> list[Json]:
        found: list[Json] = self.house.api.get("/api/v1/runs", params={"app": self.app}).json()["items"]
        return found


@pytest.fixture(params=FORGES)
def hook(request: pytest.FixtureRequest, house: GatewayHouse, unique_name: str) -> Hook:
    return Hook(house, request.param, unique_name)


@pytest.fixture
def github(house: GatewayHouse, unique_name: str) -> Hook:
    return Hook(house, "github", unique_name)


def test_push_makes_one_run_however_often_it_is_told(hook: Hook) -> None:
    first = hook.accepted(hook.push(), 1)
    assert (first["number"], first["code"]) == (1, "")
    assert hook.post(hook.push(), 1).status_code == 202
    again = hook.accepted(hook.push(), 2)
    assert (again["code"], again["run_id"]) == ("duplicate", first["run_id"])
    further = hook.accepted(hook.push(before=AFTER, after=NEXT), 3)
    assert further["number"] == 2
    assert [run["commit"] for run in hook.runs()] == [NEXT, AFTER]


def test_deleted_branch_makes_no_run_and_the_next_push_to_it_makes_one(hook: Hook) -> None:
    hook.accepted(hook.push("old", ZERO, AFTER), 1)
    gone = hook.accepted(hook.push("old", AFTER, ZERO), 2)
    assert (gone["code"], gone["run_id"]) == ("branch-deleted", None)
    (event,) = hook.house.api.get(
        "/api/v1/events", params={"stream": f"app/{hook.app}", "type": "delivery.ignored"}
    ).json()["items"]
    assert event["data"]["ref"] == "refs/heads/old"
    assert hook.accepted(hook.push("old", ZERO, AFTER), 3)["number"] == 2


def test_delivery_that_somebody_else_signed_leaves_nothing(hook: Hook) -> None:
    answer = hook.post(hook.push(), 1, secret="0" * 64)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature-invalid")
    hook.accepted(hook.push(), 2)
    assert hook.house.api.get(f"/api/v1/deliveries/{hook.delivery(1)}").status_code == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff"])
def test_delivery_that_is_no_payload_leaves_nothing(github: Hook, body: bytes) -> None:
    answer = github.post(github.push(), 1, body=body)
    assert answer.status_code == 400
    assert answer.json()["code"] in ("malformed-json", "payload-invalid")
    github.accepted(github.push(), 2)
    assert github.house.api.get(f"/api/v1/deliveries/{github.delivery(1)}").status_code == 404


def test_ping_and_unknown_events_are_kept_with_what_became_of_them(github: Hook) -> None:
    assert github.accepted(s.github("ping", zen="Design for failure."), 1)["code"] == "ping"
    assert github.accepted(s.github("star", action="created"), 2)["code"] == "unsupported-event"
    kept = github.house.api.get("/api/v1/deliveries", params={"app": github.app}).json()["items"]
    assert [(each["event"], each["state"]) for each in kept] == [("star", "ignored"), ("ping", "ignored")]
    assert github.runs() == []


def test_branch_that_looks_like_a_command_is_a_name_all_the_way(hook: Hook) -> None:
    branch = "$(touch${IFS}pwned);`id`&&x"
    assert hook.accepted(hook.push(branch, ZERO, AFTER), 1)["number"] == 1
    (run,) = hook.runs()
    assert (run["branch"], run["ref"]) == (branch, f"refs/heads/{branch}")


def test_ref_that_git_would_not_have_is_refused(hook: Hook) -> None:
    answer = hook.post(hook.push("$(touch pwned)", ZERO, AFTER), 1)
    assert (answer.status_code, answer.json()["code"]) == (400, "payload-invalid")
    assert "not the full name of a git ref" in answer.json()["detail"]


def test_redelivery_is_on_record_and_makes_no_second_run(github: Hook) -> None:
    first = github.accepted(github.push(), 1)
    answer = github.house.api.post(f"/api/v1/deliveries/{github.delivery(1)}/redeliver")
    assert answer.status_code == 202
    again = github.became(answer.json()["delivery_id"])
    assert (again["code"], again["run_id"]) == ("duplicate", first["run_id"])
    kept = github.house.api.get(f"/api/v1/deliveries/{answer.json()['delivery_id']}").json()
    assert kept["redelivery_of"] == github.delivery(1)
    assert len(github.runs()) == 1
