"""Variables get into a query as text, and never as code."""

import promql_parser
import pytest

from core.analysis.queries import METRICS, QueryError, builtin, duration, fill, requests_so_far, variables_of

VALUES = {
    "version": "v2",
    "baseline": "v1",
    "set": "v2",
    "app": "shop",
    "environment": "production",
    "region": "us-east",
    "window": "60s",
}
NASTY = 'a"} or vector(0) or x{y="\\'


@pytest.mark.parametrize("metric", METRICS)
def test_every_built_in_metric_is_promql(metric: str) -> None:
    query = fill(builtin(metric), VALUES)
    assert promql_parser.parse(query)
    assert 'version="v2"' in query
    assert "$" not in query


def test_count_of_all_requests_is_promql() -> None:
    assert promql_parser.parse(fill(requests_so_far(), VALUES))


def test_unknown_metric_is_named_with_those_that_exist() -> None:
    with pytest.raises(QueryError, match=r"unknown metric 'speed' \(there are error-rate"):
        builtin("speed")


@pytest.mark.parametrize(
    ("query", "filled"),
    [
        ('up{version="$version"}', 'up{version="v2"}'),
        ("up{version='$version'}", "up{version='v2'}"),
        ("up{version=`$version`}", "up{version=`v2`}"),
        ("up{version=$version}", 'up{version="v2"}'),
        ('up{version="${version}-x"}', 'up{version="v2-x"}'),
        ("rate(up[$window])", "rate(up[60s])"),
        ('up{a="$app/$environment",r!="$region"}', 'up{a="shop/production",r!="us-east"}'),
        ('up{path=~"/a$|/b$"}', 'up{path=~"/a$|/b$"}'),
        ('up # what $version is\n{version="$version"}', 'up \n{version="v2"}'),
        ('up{a="# none", version="$version"}', 'up{a="# none", version="v2"}'),
        ('up{a="\\"$version\\""}', 'up{a="\\"v2\\""}'),
    ],
)
def test_variable_becomes_its_value(query: str, filled: str) -> None:
    assert fill(query, VALUES) == filled
    assert promql_parser.parse(filled)


@pytest.mark.parametrize("query", ['up{version="$version"}', "up{version='$version'}", "up{version=$version}"])
def test_value_with_quotes_stays_one_label(query: str) -> None:
    filled = fill(query, VALUES | {"version": NASTY + "'"})
    parsed = promql_parser.parse(filled)
    assert isinstance(parsed, promql_parser.VectorSelector)
    (matcher,) = parsed.matchers.matchers
    assert matcher.value == NASTY + "'"


@pytest.mark.parametrize("query", ['up{version=~"$version|x"}', "up{version !~ '$version|x'}"])
def test_value_in_a_pattern_means_itself(query: str) -> None:
    parsed = promql_parser.parse(fill(query, VALUES | {"version": "1.0+(b)"}))
    assert isinstance(parsed, promql_parser.VectorSelector)
    assert parsed.matchers.matchers[0].value == r"1\.0\+\(b\)|x"


def test_value_in_a_raw_pattern_means_itself() -> None:
    assert fill("up{v=~`$version|x`}", VALUES | {"version": "1.0"}) == r"up{v=~`1\.0|x`}"


def test_value_that_would_end_a_raw_string_is_refused() -> None:
    with pytest.raises(QueryError, match=r"\$version has a ` in it"):
        fill("up{version=`$version`}", VALUES | {"version": "a`b"})


def test_unknown_variable_is_named_with_those_that_exist() -> None:
    with pytest.raises(QueryError, match=r"unknown variable \$verson in the query \(there are \$version"):
        fill('up{version="$verson"}', VALUES)


def test_string_without_an_end_is_refused() -> None:
    with pytest.raises(QueryError, match="begins at character 12 of the query has no end"):
        fill('up{version="$version}', VALUES)


def test_variables_of_a_query_are_known() -> None:
    assert variables_of('up{version="$version"}[$window]') == {"version", "window"}


@pytest.mark.parametrize(("seconds", "text"), [(60, "60s"), (1.5, "1500ms"), (0.0001, "1ms"), (3600, "3600s")])
def test_duration_is_whole_numbers(seconds: float, text: str) -> None:
    assert duration(seconds) == text
