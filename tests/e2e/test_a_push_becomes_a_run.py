"""From a push to a finished run on real Kafka, Postgres, git and sandboxes."""

import json
import re
from functools import partial

import pytest

from tests.support.platform import Json, Platform

SIMPLE = """
name: Simple
trigger: {branches: [main]}
stages:
  - name: build
    steps:
      - uses: git-checkout
      - name: say
        run: |
          echo "building $COMMIT_SHA of $BRANCH as $BUILD_ID"
          printf '\\033[31mred\\033[0m\\n' >&2
          echo "answer=42" >> "$OUTPUT"
  - name: test
    needs: [build]
    env: {ANSWER: "${{ stages.build.outputs.answer }}"}
    steps:
      - run: test "$ANSWER" = 42
"""
GATED = """
stages:
  - {name: lint, steps: [{run: "true"}]}
  - {name: unit, steps: [{run: "true"}]}
  - {name: security, steps: [{run: "true"}]}
  - {name: build, needs: [lint, unit, security], steps: [{run: "true"}]}
  - {name: integration, needs: [build], steps: [{run: sleep 1}]}
  - {name: e2e, needs: [build], steps: [{run: sleep 1}]}
  - {name: perf, needs: [build], steps: [{run: sleep 1}]}
  - {name: to-dev, needs: [integration, e2e, perf], approval: {count: 1}}
  - {name: to-staging, needs: [to-dev], approval: {count: 1}}
  - {name: to-production, needs: [to-staging], approval: {count: 1}, steps: [{run: echo released}]}
"""


def test_push_makes_a_run_and_its_progress_is_echoed_to_the_pusher(platform: Platform) -> None:
    repository = platform.repository("echoed", SIMPLE)
    said = repository.push()
    assert "✓ build" in said
    assert "succeeded" in said
    run = platform.finished_run("echoed", 1)
    assert (run["outcome"], run["commit"]) == ("success", repository.head)


def test_log_holds_both_streams_with_colours(platform: Platform) -> None:
    platform.repository("colours", SIMPLE).push()
    run = platform.finished_run("colours", 1)
    text = platform.log(run, "build")
    assert f"building {run['commit']} of main as 1" in text
    assert "\x1b[31mred\x1b[0m" in text


def test_signed_github_push_makes_one_run_however_often_it_is_delivered(platform: Platform) -> None:
    repository = platform.repository("origin-of-forge", SIMPLE)
    repository.push()
    url = f"{platform.url}/git/origin-of-forge.git"
    created = platform.post("/apps", {"name": "forge", "repository_url": url, "forge": "github"})
    assert created.status_code == 201, created.text
    payload = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": repository.head,
        "created": True,
        "deleted": False,
        "forced": False,
        "repository": {
            "id": 1,
            "name": "forge",
            "full_name": "acme/forge",
            "clone_url": url,
            "ssh_url": url,
            "git_url": url,
            "html_url": url,
            "url": url,
            "default_branch": "main",
        },
        "pusher": {"name": "ann", "email": "ann@example.org"},
        "sender": {"login": "ann"},
        "head_commit": {"id": repository.head, "message": "first", "added": [".pipeline.yml"]},
        "commits": [{"id": repository.head, "message": "first", "added": [], "removed": [], "modified": []}],
    }
    platform.wait(lambda: platform.api.get("/api/v1/apps/forge").status_code == 200, 10, lambda: "no app")
    assert platform.post_github("forge", payload, "d-1").status_code == 202
    assert platform.finished_run("forge", 1)["outcome"] == "success"
    assert platform.post_github("forge", payload, "d-1").status_code == 202
    assert platform.post_github("forge", payload, "d-2").status_code == 202
    platform.wait(lambda: "duplicate" in platform.api.get("/api/v1/deliveries").text, 20, lambda: "no duplicate")
    assert platform.get("/apps/forge")["runs"] == 1
    events = platform.get("/events", stream="app/forge")["items"]
    assert {"trigger.accepted", "delivery.ignored"} <= {event["type"] for event in events}


def test_wrongly_signed_delivery_is_refused_and_changes_nothing(platform: Platform) -> None:
    before = len(platform.get("/deliveries")["items"])
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "x", "X-Hub-Signature-256": "sha256=" + "0" * 64}
    answer = platform.api.post("/webhooks/github", json={"repository": {"clone_url": "https://x/y"}}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature-invalid")
    assert len(platform.get("/deliveries")["items"]) == before


def waits_for(stage: str, run: Json) -> bool:
    return bool(run["reason"] == f"waits for approval of {stage}")


def granted(stage: str, run: Json) -> bool:
    return any(each["stage"] == stage and each["state"] == "granted" for each in run["approvals"])


def test_parallel_stages_and_three_approvals_are_visible(platform: Platform) -> None:
    platform.repository("gated", GATED).push()
    for stage in ("to-dev", "to-staging", "to-production"):
        run = platform.run_when("gated", 1, partial(waits_for, stage))
        shown = platform.sealane("show", "gated").stdout
        assert f"⏸ {stage}" in shown
        assert platform.post(f"/runs/{run['id']}/approvals/{stage}", {"approve": True}).status_code == 200
        platform.run_when("gated", 1, partial(granted, stage))
    run = platform.finished_run("gated", 1)
    assert run["outcome"] == "success"
    assert "released" in platform.log(run, "to-production")
    began = {stage["name"]: stage["started_at"] for stage in run["stages"]}
    ended = {stage["name"]: stage["finished_at"] for stage in run["stages"]}
    assert began["e2e"] < ended["integration"]


def test_broken_file_makes_an_invalid_run_that_names_every_problem(platform: Platform) -> None:
    platform.repository(
        "broken", "stages:\n  - name: a\n    needs: [b]\n    steps: [{run: x}]\n    colour: red\n"
    ).push()
    run = platform.finished_run("broken", 1)
    assert run["outcome"] == "invalid"
    assert {problem["code"] for problem in run["problems"]} == {"unknown-stage", "unknown-key"}


def test_branch_that_looks_like_a_command_is_just_a_name(platform: Platform) -> None:
    pipeline = 'stages:\n  - name: a\n    steps:\n      - run: echo "on ${{ branch }}"; ls\n'
    repository = platform.repository("injected", pipeline)
    repository.git("checkout", "--quiet", "-b", "$(touch${IFS}pwned)")
    repository.push("$(touch${IFS}pwned)")
    run = platform.finished_run("injected", 1)
    text = platform.log(run, "a")
    assert "on $(touch${IFS}pwned)" in text
    assert not re.search(r"^pwned$", text, re.MULTILINE)


def test_unknown_label_is_explained_and_cancel_ends_the_run(platform: Platform) -> None:
    platform.repository(
        "labelled", "stages: [{name: a, pool: {labels: [gpu]}, steps: [{run: x}]}]"
    ).push_in_background()
    run = platform.run_when("labelled", 1, lambda run: "gpu" in json.dumps(run["stages"]) and bool(run["reason"]))
    assert "no agent with label gpu in us-east" in run["reason"]
    assert platform.post(f"/runs/{run['id']}/cancel").status_code == 200
    assert platform.finished_run("labelled", 1)["outcome"] == "cancelled"


SLOW = """
stages:
  - name: slow
    retry: {max: 1, on: [agent_lost]}
    steps:
      - run: for i in $(seq 1 60); do echo "line $i"; sleep 0.1; done
"""


@pytest.mark.parametrize("victim", ["gateway", "processor 1", "worker", "agent us-east"])
def test_killing_one_process_loses_no_run_and_no_line(platform: Platform, victim: str) -> None:
    app = f"slow-{victim.replace(' ', '-')}"
    platform.repository(app, SLOW).push_in_background()
    platform.run_when(app, 1, lambda run: any(job["state"] == "running" for s in run["stages"] for job in s["jobs"]))
    platform.kill(victim)
    run = platform.finished_run(app, 1, seconds=150)
    assert run["outcome"] == "success", json.dumps(run, indent=1)[:4000]
    lines = [line for line in platform.log(run, "slow").splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(1, 61)]


def test_waited_for_run_ends_with_its_outcome(platform: Platform) -> None:
    repository = platform.repository("waited", 'stages: [{name: a, steps: [{run: test -z "$FAIL"}]}]')
    repository.push()
    assert platform.sealane("run", "waited", "--wait").returncode == 0
    repository.commit("fail", {".pipeline.yml": "stages: [{name: a, steps: [{run: exit 3}]}]"})
    repository.push()
    assert platform.sealane("run", "waited", "--wait").returncode == 1


def test_topics_are_as_the_settings_ask_for(platform: Platform) -> None:
    answer = platform.sealane("topics", "plan", "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["steps"] == []


def test_replay_verifies_every_chain(platform: Platform) -> None:
    answer = platform.sealane("replay", "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert json.loads(answer.stdout)["faults"] == []
