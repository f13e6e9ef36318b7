"""Bodies: what git would refuse is refused here, with words."""

import pytest
from pydantic import ValidationError

from gateway.rest.inputs import NewRun, NewToken, Rerun, check_git_name


@pytest.mark.parametrize(
    "name", ["main", "feature/a-b", "v1.0", "$(touch${IFS}pwned)", "ünï", "a@b", "release-2026.01"]
)
def test_names_that_git_allows_are_allowed(name: str) -> None:
    assert check_git_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["a b", "-f", "a..b", "a//b", "/a", "a/", "a.lock", ".a", "a/.b", "a.", "@", "a@{1}", "a~1", "a^", "a:b", "a\x07b"],
)
def test_names_that_git_refuses_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"git|part"):
        check_git_name(name)


def test_run_names_a_branch_or_a_tag() -> None:
    with pytest.raises(ValidationError, match="not both"):
        NewRun.model_validate({"branch": "main", "tag": "v1"})


@pytest.mark.parametrize("commit", ["abc", "A" * 40, "g" * 40, "a" * 41])
def test_commit_is_a_full_id(commit: str) -> None:
    with pytest.raises(ValidationError):
        NewRun.model_validate({"commit": commit})


@pytest.mark.parametrize("inputs", [{"a b": "x"}, {"a": 1}, {"a": None}, {"": "x"}, {"a": "x" * 10_001}])
def test_inputs_are_named_texts(inputs: object) -> None:
    with pytest.raises(ValidationError):
        NewRun.model_validate({"inputs": inputs})


@pytest.mark.parametrize("body", [{"mode": "from_stage"}, {"mode": "all", "stage": "build"}, {"mode": "some"}])
def test_rerun_of_a_stage_names_it_and_others_do_not(body: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Rerun.model_validate(body)


def test_expiry_needs_a_time_zone() -> None:
    assert NewToken.model_validate({"expires_at": "2030-01-01T00:00:00Z"}).expires_at is not None
    with pytest.raises(ValidationError, match="time zone"):
        NewToken.model_validate({"expires_at": "2030-01-01T00:00:00"})
