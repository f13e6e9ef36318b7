"""Alerts can be loaded, say how grave they are and what to do, and point to a section that exists."""

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.support.sources import ROOT

DEPLOY = ROOT / "infra" / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((DEPLOY / "sealane.rules.yml").read_text())["groups"] for rule in group["rules"]
]
each_rule = pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])


def sections(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_rule
def test_expression_is_valid(rule: dict[str, Any]) -> None:
    assert promql_parser.parse(rule["expr"])


@each_rule
def test_alert_says_how_long_how_grave_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["action"].endswith(".")


@each_rule
def test_alert_points_to_a_section_that_names_it(rule: dict[str, Any]) -> None:
    page, _, section = rule["annotations"]["runbook_url"].partition("#")
    assert section in sections(ROOT / page)
    assert f"`{rule['alert']}`" in (ROOT / page).read_text()


def test_names_of_alerts_are_unique() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_example_configuration_loads_the_rules() -> None:
    example = yaml.safe_load((DEPLOY / "prometheus.example.yml").read_text())
    assert [(DEPLOY / name).is_file() for name in example["rule_files"]] == [True]
    assert 'job="sealane"' in (DEPLOY / "sealane.rules.yml").read_text()
    assert [job["job_name"] for job in example["scrape_configs"]] == ["sealane"]
