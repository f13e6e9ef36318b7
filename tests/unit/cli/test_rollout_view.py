"""What a terminal shows of a rollout is what its document says."""

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from gateway.cli.bars import share_bar, sparkline
from gateway.cli.deployment_view import quantity
from gateway.cli.rollout_live import news
from gateway.cli.rollout_view import whole
from projections.queries.rollout_types import Action, Bake, Hook, Rollback, Stop, TrafficShift
from tests.support.rollout_documents import START, Json, deployment, placement, rollout, running, series

LATER = START + timedelta(days=3650)


def shown(document: Json) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    console.print(whole(document))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def line_with(document: Json, word: str) -> str:
    return next(line for line in shown(document) if word in line)


@pytest.mark.parametrize(
    ("percent", "bar"), [(0, "░░░░"), (25, "█░░░"), (50, "██░░"), (100, "████"), (12.5, "▌░░░"), (250, "████")]
)
def test_bar_is_as_long_as_the_share(percent: float, bar: str) -> None:
    assert share_bar(percent, 4).plain == bar


def test_sparkline_reaches_from_nothing_to_the_limit() -> None:
    assert sparkline([0, 0.5, None, 1.0], [""] * 4, 1.0).plain == "▁▅·█"
    assert sparkline([0.1], [""], 1.0).plain == "▂"
    assert sparkline([0.0, 0.0], [""] * 2).plain == "▁▁"
    assert sparkline([], []).plain == ""


def test_title_says_what_goes_where_and_how_far_it_is() -> None:
    words = " ".join(shown(rollout())[0].split()[1:])
    assert words == "shop@5 canary of 2-bbbbbbbb to production deploying wave 1 of 2 bbbbbbbbbb 1m15s by ada"


def test_weights_are_bars_of_each_release() -> None:
    document = rollout(placement(deployment()))
    assert line_with(document, " 25%  2-bbbbbbbb").split()[0] == "█" * 6 + "░" * 18
    assert line_with(document, " 75%  1-aaaaaaaa").split()[0] == "█" * 18 + "░" * 6


def test_set_without_traffic_or_instances_is_left_out() -> None:
    gone = deployment(weights={"2-bbbbbbbb": 100}, sets=(running("2-bbbbbbbb", 100), running("gone", 0, running=0)))
    assert not [line for line in shown(rollout(placement(gone))) if "gone" in line]


def test_instances_that_are_not_ready_or_restarted_are_said() -> None:
    ill = deployment(sets=(running("2-bbbbbbbb", 25, ready=1, restarts=3, requests=40),))
    assert "1/2 ready  3 restarts  40 requests" in line_with(rollout(placement(ill)), "25%  2-bbbbbbbb")


def test_samples_are_a_line_with_the_newest_value_and_its_limit() -> None:
    assert line_with(rollout(placement(deployment())), "error-rate") == "      error-rate       ▁▅█  1% (max 1%)"


def test_sample_without_a_value_is_a_dot_and_says_so() -> None:
    unsure = deployment(checks=(series("error-rate", [0.01, None]),))
    assert "█·  empty" in line_with(rollout(placement(unsure)), "error-rate")


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("error-rate", 0.0123, "1.23%"),
        ("latency-p99", 0.25, "250 ms"),
        ("latency-p50", 2.5, "2.5 s"),
        ("memory", 3 << 20, "3 MiB"),
        ("", 12.34567, "12.35"),
    ],
)
def test_values_have_the_unit_of_their_metric(metric: str, value: float, words: str) -> None:
    assert quantity({"metric": metric}, value) == words


def test_breach_says_what_it_was_and_where_it_goes() -> None:
    back = Rollback(at=START, code="analysis-failed", detail="error-rate was 0.05", to="1-aaaaaaaa")
    failed = deployment(state="rolling_back", rollback=back)
    assert line_with(rollout(placement(failed)), "✗").strip() == (
        "✗ analysis-failed: error-rate was 0.05, back to 1-aaaaaaaa"
    )


def test_region_that_waits_says_for_what() -> None:
    waiting = deployment(state="waiting", reason="frozen by eve: holidays", checks=(), weights={}, sets=())
    document = rollout(placement(waiting))
    assert "frozen by eve: holidays" in "\n".join(shown(document))
    assert line_with(document, "eu-west").split() == ["·", "eu-west", "not", "yet"]


def test_region_that_was_tried_before_says_how_that_ended() -> None:
    earlier = placement(None, outcome="error", code="not-ready", detail="no answer", deployment_id="us-east-0")
    document = rollout(earlier, placement(deployment()))
    assert "error  2-bbbbbbbb  not-ready: no answer" in "\n".join(shown(document))


def test_target_that_could_not_do_it_is_quoted() -> None:
    action = Action(
        action=1,
        epoch=1,
        step=0,
        at_once=False,
        sets=(),
        requested_at=START,
        answer_by=None,
        reached_at=None,
        failed_at=START,
        code="artifact-unavailable",
        detail="no such commit",
        retry_at=None,
        probes=(),
    )
    tried = deployment(actions=(action,))
    assert "the target: artifact-unavailable: no such commit" in "\n".join(shown(rollout(placement(tried))))


def test_bake_counts_requests_of_each_region() -> None:
    bake = Bake(until=LATER, min_requests=100, give_up_at=None, requests={"us-east": 60})
    line = line_with(rollout(state="baking", bake=bake), "bakes")
    assert line.endswith("and 100 requests in each region (us-east 60)")


def test_failed_migration_shows_its_last_words() -> None:
    hook = Hook(
        direction="up",
        region="us-east",
        run="migrate",
        phase="expand",
        state="failure",
        exit_code=1,
        output="one\ntwo\n",
        detail="exit code 1",
        requested_at=START,
        answer_by=None,
        finished_at=START,
    )
    lines = shown(rollout(hooks=(hook,)))
    assert "  ✗ migrate  before the first instance" in lines
    assert [line.strip() for line in lines[-5:-2]] == ["exit code 1", "one", "two"]


def test_halted_rollout_says_how_it_goes_on() -> None:
    halted = rollout(state="halted", halted=Stop(at=START, code="not-ready", reason="no"), reason="not-ready: no")
    assert "sealane resume 'shop@5'" in "\n".join(shown(halted))


def texts(document: Json) -> list[str]:
    return [line.plain for _, line in news(document)]


def test_plain_output_tells_each_change_once() -> None:
    shift = TrafficShift(weights={"2-bbbbbbbb": 25, "1-aaaaaaaa": 75}, shifted_at=START)
    document = rollout(placement(deployment(traffic=(shift,))))
    keys = [key for key, _ in news(document)]
    assert len(set(keys)) == len(keys)
    assert keys == [key for key, _ in news(document)]
    assert "    us-east: 25% 2-bbbbbbbb, 75% 1-aaaaaaaa" in texts(document)


def test_plain_output_says_how_a_region_ended() -> None:
    failed: dict[str, Any] = {"state": "finished", "outcome": "error", "code": "not-ready", "detail": "no answer"}
    document = rollout(placement(deployment(finished_at=START, **failed)))
    assert "  ✗ us-east: error not-ready: no answer" in texts(document)


def test_news_begin_with_the_region() -> None:
    assert {key[0] for key, _ in news(rollout(placement(deployment())))} <= {"", "us-east"}
    assert all(isinstance(line, Text) for _, line in news(rollout()))
