"""The sample application does what a service must that is to be deployed safely, and breaks as it is told to."""

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agents.metrics.exposition import Counter, read_page
from infra.local.load import Load, LoadGenerator
from tests.support.git_repository import WorkTree, environment
from tests.support.hello import EXAMPLE, Hello, copy_example

VARIANTS = {"good", "broken", "slow", "crashing", "leaking", "never-ready"}


def await_that(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends, "did not happen"
        time.sleep(0.01)


def test_requests_of_users_are_counted_and_those_of_the_platform_are_not(tmp_path: Path) -> None:
    with Hello(copy_example(tmp_path)) as hello:
        assert hello.get("/hello/Ada").json() == {"greeting": "Hello, Ada!"}
        assert hello.get("/healthz").json() == {"status": "ok"}
        assert hello.get("/version").json() == {"version": "7-abc"}
        assert hello.get("/nothing").status_code == 404
        page = read_page(hello.get("/metrics").text)
    total = "http_requests_total"
    assert {each.label: count for each, count in page.counters.items() if each.family == total} == {
        "200": 1,
        "404": 1,
        "500": 0,
    }
    assert page.counters[Counter("http_request_duration_seconds_bucket", "+Inf")] == 2
    assert page.memory is not None
    assert page.memory > 5_000_000
    assert page.started_at == pytest.approx(time.time(), abs=60)


def test_every_answer_names_its_version(tmp_path: Path) -> None:
    with Hello(copy_example(tmp_path, {"fail_percent": 100}), "9-fff") as hello:
        answers = [hello.get(path) for path in ("/hello/x", "/healthz", "/metrics", "/nothing")]
    assert [answer.headers["x-version"] for answer in answers] == ["9-fff"] * 4
    assert answers[0].status_code == 500


def test_stopping_cuts_off_no_answer(tmp_path: Path) -> None:
    slow = copy_example(tmp_path, {"slow_percent": 100, "slow_seconds": 0.5})
    with Hello(slow) as hello, LoadGenerator() as load, ThreadPoolExecutor(1) as beside:
        tally = load.start("hello", Load(hello.url, 100))
        await_that(lambda: tally.answered >= 20)
        stopping = beside.submit(load.stop, "hello")
        await_that(lambda: not load.names)
        hello.tell_to_stop()
        assert hello.await_end() == 0
        stopping.result()
        assert "good-bye" in hello.said()
    assert (tally.answered, list(tally.problems)) == (tally.sent, [])


def test_idle_connections_do_not_delay_the_end(tmp_path: Path) -> None:
    with Hello(copy_example(tmp_path)) as hello:
        assert hello.get("/hello/x").status_code == 200
        hello.tell_to_stop()
        assert hello.await_end() == 0


def test_share_of_failures_is_exact_and_the_first_requests_go_well(tmp_path: Path) -> None:
    with Hello(copy_example(tmp_path, {"fail_percent": 5})) as hello:
        statuses = hello.statuses(200)
    assert statuses.count(500) == 10
    assert set(statuses[:19]) == {200}


def test_slow_requests_are_in_the_histogram(tmp_path: Path) -> None:
    with Hello(copy_example(tmp_path, {"slow_percent": 20, "slow_seconds": 0.3})) as hello:
        assert hello.statuses(10) == [200] * 10
        counters = read_page(hello.get("/metrics").text).counters
    family = "http_request_duration_seconds_bucket"
    assert counters[Counter(family, "+Inf")] - counters[Counter(family, "0.25")] >= 2


def test_crash_ends_the_service_as_a_failure(tmp_path: Path) -> None:
    with Hello(copy_example(tmp_path, {"crash_after_seconds": 1})) as hello:
        assert hello.await_end() == 3
        assert "crashing, as fault.json asks for" in hello.said()


def test_leak_shows_in_the_memory(tmp_path: Path) -> None:
    def memory() -> float:
        return read_page(hello.get("/metrics").text).memory or 0.0

    with Hello(copy_example(tmp_path, {"leak_bytes_per_second": 40_000_000})) as hello:
        before = memory()
        await_that(lambda: memory() > before + 20_000_000)


def test_service_that_is_never_ready_says_so(tmp_path: Path) -> None:
    with Hello(copy_example(tmp_path, {"never_ready": True})) as hello:
        assert hello.get("/healthz").status_code == 503


def test_unknown_fault_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    copy_example(tmp_path, {"explode": True})
    with pytest.raises(AssertionError, match=r"fault.json knows crash_after_seconds, .*, not explode"):
        Hello(tmp_path).__enter__()


def run(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def test_every_variant_is_a_fault_that_the_service_knows() -> None:
    found = {path.stem: json.loads(path.read_text()) for path in (EXAMPLE / "variants").glob("*.json")}
    assert set(found) == VARIANTS
    assert all(isinstance(fault, dict) for fault in found.values())


def test_one_command_makes_a_variant_and_pushes_it(tmp_path: Path) -> None:
    remote = WorkTree(tmp_path / "remote")
    remote.git("config", "receive.denyCurrentBranch", "ignore")
    tree = WorkTree(copy_example(tmp_path / "hello"))
    tree.commit("first")
    tree.git("remote", "add", "sealane", str(remote.path))
    for variant, message in (("broken", "The broken variant"), ("good", "The good variant")):
        done = run(f"./try {variant}", tree.path)
        assert done.returncode == 0, done.stderr
        assert remote.git("log", "-1", "--format=%s", "main") == message
    assert json.loads(remote.git("show", "main:fault.json")) == {}


def test_same_variant_again_is_a_commit_of_its_own(tmp_path: Path) -> None:
    remote = WorkTree(tmp_path / "remote")
    remote.git("config", "receive.denyCurrentBranch", "ignore")
    tree = WorkTree(copy_example(tmp_path / "hello"))
    tree.git("remote", "add", "sealane", str(remote.path))
    heads: list[Any] = []
    for _ in range(2):
        assert run("./try slow", tree.path).returncode == 0
        heads.append(remote.git("rev-parse", "main"))
    assert heads[0] != heads[1]


@pytest.mark.parametrize("command", ["./try", "./try nonsense", "./try broken slow"])
def test_wrong_use_lists_the_variants_and_changes_nothing(tmp_path: Path, command: str) -> None:
    tree = WorkTree(copy_example(tmp_path / "hello"))
    head = tree.commit("first")
    done = run(command, tree.path)
    assert (done.returncode, done.stderr) == (2, f"usage: ./try {'|'.join(sorted(VARIANTS))}\n")
    assert tree.head() == head
