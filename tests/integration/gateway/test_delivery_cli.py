"""Delivery from the command line: what a person types, what they see, and what a script gets."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gateway.cli.client import Client
from gateway.cli.errors import Exit
from gateway.cli.main import make_cli
from gateway.cli.rollout_live import follow_rollout
from tests.support.delivery_shop import Shop, held
from tests.support.deployer_hand import DeployerHand
from tests.support.gateway_house import GatewayHouse
from tests.support.terminal import Terminal


@pytest.fixture
def terminal(house: GatewayHouse) -> Terminal:
    return Terminal(house)


@pytest.mark.usefixtures("deployer")
def test_deploy_waits_and_ends_with_the_outcome(shop: Shop, terminal: Terminal) -> None:
    first = shop.release(1)
    said = terminal.says("deploy", shop.app, "staging", "--wait")
    assert f"100% {first}" in said
    assert said.splitlines()[-1].startswith(f"✓ {shop.app}@1 recreate of {first} to staging  success")
    (row,) = (line for line in terminal.says("envs", shop.app).splitlines() if f"{shop.app}  staging" in line)
    assert {first, "us-east", "admin"} <= set(row.split())
    (item,) = terminal.json("envs", shop.app, "staging")["items"]
    assert item["places"][0]["release"]["id"] == first
    assert first in terminal.says("envs", shop.app, "--history")
    assert "staging/us-east" in terminal.says("releases", shop.app)
    assert f"{shop.app}  staging" in terminal.says("deployments", shop.app)


def test_deploy_that_is_taken_back_fails(shop: Shop, terminal: Terminal, deployer: DeployerHand) -> None:
    shop.release(1)
    shop.delivered("canary")
    second = shop.release(2)
    deployer.error_rate = 0.5
    try:
        result = terminal.run("deploy", shop.app, "canary", "--wait")
    finally:
        deployer.error_rate = 0.0
    assert result.exit_code == Exit.RUN_FAILED
    assert "analysis-failed" in result.output
    assert second in terminal.says("quarantine", shop.app)
    assert f"{second} may be deployed" in terminal.says("quarantine", "lift", shop.app, "canary", second)
    assert terminal.says("quarantine", shop.app) == "no release is in quarantine\n"


@pytest.mark.usefixtures("deployer")
def test_canary_is_shown_and_steered(shop: Shop, terminal: Terminal) -> None:
    shop.release(1)
    shop.delivered("canary")
    second = shop.release(2)
    assert f"{shop.app}@2: {second} goes to canary" in terminal.says("deploy", shop.app, "canary")
    rollout = terminal.json("deployments", "show", shop.app, "canary")["id"]
    deployment = held(shop, rollout)["id"]
    shop.house.wait(lambda: len(held(shop, rollout)["checks"][0]["points"]) >= 2)
    shown = terminal.says("deployments", "show", f"{shop.app}@2")
    assert f"10%  {second}" in shown
    assert "█" in shown
    assert "error-rate" in shown
    assert "▁▁" in shown
    assert second in terminal.says("deployments", "show", deployment)
    assert terminal.json("deployments", "show", shop.app, "canary")["id"] == rollout
    assert "is paused" in terminal.says("pause", shop.app, "canary", "--reason", "lunch")
    assert "paused by admin: lunch" in terminal.says("deployments", "show", rollout)
    assert "goes on" in terminal.says("resume", f"{shop.app}@2")
    assert "goes on" in terminal.says("promote", deployment)
    shop.rollout_when(rollout, state="finished", outcome="success")
    assert terminal.fails("promote", f"{shop.app}@2") == (Exit.REFUSED, "rollout-finished")
    assert terminal.fails("abort", shop.app, "canary") == (Exit.NOT_FOUND, "rollout-unknown")


@pytest.mark.usefixtures("deployer")
def test_rollback_is_one_command(shop: Shop, terminal: Terminal) -> None:
    first = shop.release(1)
    shop.delivered("staging")
    assert terminal.fails("rollback", shop.app, "staging") == (Exit.REFUSED, "nothing-to-roll-back-to")
    shop.release(2)
    shop.delivered("staging")
    assert f"rollback to {first}" in terminal.says("rollback", shop.app, "staging", "--wait").splitlines()[-1]
    assert "rolled back" in terminal.says("envs", shop.app, "staging", "--history")


@pytest.mark.usefixtures("deployer")
def test_rollout_is_approved_by_its_app_or_by_its_name(shop: Shop, terminal: Terminal) -> None:
    shop.release(1)
    rollout = shop.deploy("production")
    shop.rollout_when(rollout, state="waiting_approval")
    assert f"{shop.app}@1" in terminal.says("approvals")
    assert terminal.says("approve", shop.app, "--link").startswith(f"{shop.house.settings.url}/approve/")
    for name in (shop.app, f"{shop.app}@1", rollout):
        assert terminal.fails("approve", name) == (Exit.REFUSED, "self-approval")
    assert "rejected" in terminal.says("approve", f"{shop.app}@1", "--reject")
    assert shop.rollout_when(rollout, state="finished")["outcome"] == "rejected"
    assert terminal.fails("approve", f"{shop.app}@1") == (Exit.REFUSED, "approval-not-pending")


@pytest.mark.usefixtures("deployer")
def test_what_waits_first_goes_through_a_freeze_by_override(
    shop: Shop, terminal: Terminal, house: GatewayHouse
) -> None:
    first = shop.release(1)
    override = ("override", shop.app, "staging", "--reason", "the shop is down")
    terminal.says("freeze", shop.app, "staging", "--reason", "holidays")
    assert terminal.fails(*override) == (Exit.REFUSED, "deployment-not-waiting")
    rollout = shop.deploy("staging")
    house.wait(lambda: bool(shop.place("staging")["queue"]))
    assert terminal.fails(*override, "--region", "eu-west") == (Exit.REFUSED, "deployment-not-waiting")
    assert terminal.says(*override) == f"{first} may go into {shop.app}/staging: the shop is down\n"
    assert shop.rollout_when(rollout, state="finished")["outcome"] == "success"


def test_freeze_says_why_and_ends(shop: Shop, terminal: Terminal) -> None:
    said = terminal.says("freeze", shop.app, "staging", "--reason", "holidays", "--hours", "2")
    assert said.endswith(": holidays\n")
    assert "frozen by admin until" in terminal.says("envs", shop.app)
    assert "not frozen any more" in terminal.says("unfreeze", shop.app, "staging")
    assert "frozen by" not in terminal.says("envs", shop.app)


def test_folder_becomes_a_release_and_the_same_one_again(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("<h1>hi")
    made = terminal.says("releases", "create", shop.app, "--file", str(tmp_path / "site"), "--config", "COLOUR=blue")
    release = made.split()[1].rstrip(":")
    again = ("releases", "create", shop.app, "--file", str(tmp_path / "site"), "--config", "COLOUR=blue")
    assert terminal.says(*again) == "it was there already\n"
    assert terminal.json("releases", "show", shop.app, release)["config"] == {"COLOUR": "blue"}


def test_environments_are_shown_and_set(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "delivery.yml"
    file.write_text("environments: {dev: {regions: [us-east], target: {static: {link: /srv/site}}}}\n")
    assert "are set" in terminal.says("apps", "environments", shop.app, str(file))
    assert "dev" in terminal.says("apps", "environments", shop.app)
    assert terminal.fails("apps", "environments", shop.app, str(file), "--from-repository") == (
        Exit.USAGE,
        "options-conflict",
    )


def test_samples_are_judged_again(shop: Shop, terminal: Terminal, deployer: DeployerHand) -> None:
    shop.release(1)
    shop.delivered("canary")
    shop.release(2)
    deployer.error_rate = 0.5
    try:
        found = shop.delivered("canary")
    finally:
        deployer.error_rate = 0.0
    deployment = found["placements"][0]["deployment_id"]
    same = terminal.json("analysis", "replay", deployment)
    assert same["same"]
    assert (same["replayed"]["outcome"], same["replayed"]["check"]) == ("breach", "error-rate")
    assert terminal.json("analysis", "replay", f"{shop.app}@2")["items"] == [{"region": "us-east", **same}]
    assert terminal.says("analysis", "replay", f"{shop.app}@2").startswith("us-east:\nthen: breach after ")
    other = terminal.json("analysis", "replay", deployment, "--max", "error-rate=0.9")
    assert (other["same"], other["replayed"]["outcome"]) == (False, "open")
    assert terminal.fails("analysis", "replay", deployment, "--max", "p99=1") == (Exit.INVALID_INPUT, "check-unknown")


@pytest.mark.usefixtures("deployer")
def test_live_picture_ends_with_the_rollout(shop: Shop, house: GatewayHouse) -> None:
    first = shop.release(1)
    rollout = shop.deploy("staging")
    screen = Console(file=io.StringIO(), force_terminal=True, width=120)
    document = follow_rollout(Client(house.settings.url, house.admin_token), rollout, screen)
    assert document["outcome"] == "success"
    assert isinstance(screen.file, io.StringIO)
    assert f"{shop.app}@1" in screen.file.getvalue()
    assert first in screen.file.getvalue()


def test_shell_completes_names_of_apps_environments_and_releases(shop: Shop, house: GatewayHouse) -> None:
    release = shop.release(77)
    asked = {
        "SEALANE_URL": house.settings.url,
        "SEALANE_TOKEN": house.admin_token,
        "_SEALANE_COMPLETE": "complete_bash",
    }

    def completes(line: str) -> list[str]:
        words = line.split(" ")
        env = asked | {"_SEALANE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        return CliRunner().invoke(make_cli(), prog_name="sealane", env=env).output.split()

    assert completes(f"sealane deploy {shop.app[:-2]}") == [shop.app]
    assert completes(f"sealane deploy {shop.app} st") == ["staging"]
    assert completes(f"sealane promote {shop.app} prod") == ["production"]
    assert completes(f"sealane rollback {shop.app} staging --to {release[:-1]}") == [release]
