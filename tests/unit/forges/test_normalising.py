"""What each forge's deliveries become: triggers, or why there is none."""

from datetime import UTC, datetime

import pytest

from core.delivery import Delivery
from core.forges import DIALECTS, Ignored, Malformed, Outcome, normalise
from core.forges.urls import builtin_app, builtin_url, repository_key
from core.trigger import Trigger
from tests.support.forge_payloads import samples as s
from tests.support.forge_payloads.samples import AFTER, BEFORE, ZERO, Sample

PUSHES = [s.github_push, s.gitlab_push, s.bitbucket_dc_push, s.gitea_push]


def delivery_of(sample: Sample, delivery_id: str = "d-1", redelivery_of: str = "") -> Delivery:
    return Delivery(
        delivery_id=delivery_id,
        forge=sample.forge,
        event=sample.event,
        apps=("shop",),
        received_at=datetime(2026, 11, 20, tzinfo=UTC),
        body=sample.body,
        headers={"content-type": "application/json"},
        redelivery_of=redelivery_of,
    )


def outcomes(sample: Sample) -> tuple[Outcome, ...]:
    return normalise(delivery_of(sample))


def trigger(sample: Sample) -> Trigger:
    (outcome,) = outcomes(sample)
    assert isinstance(outcome, Trigger)
    return outcome


def ignored(sample: Sample) -> Ignored:
    (outcome,) = outcomes(sample)
    assert isinstance(outcome, Ignored)
    return outcome


@pytest.mark.parametrize("push", [*PUSHES, s.bitbucket_cloud_push])
def test_push_to_a_branch_asks_for_a_run_of_its_commit(push: object) -> None:
    found = trigger(push())  # type: ignore[operator]
    assert (found.source, found.ref, found.branch, found.commit) == ("push", "refs/heads/main", "main", AFTER)
    assert (found.before, found.author, found.delivery_id) == (BEFORE, "mona", "d-1")


@pytest.mark.parametrize("push", PUSHES)
def test_new_tag_asks_for_a_run(push: object) -> None:
    found = trigger(push("refs/tags/v1", ZERO, AFTER))  # type: ignore[operator]
    assert (found.source, found.tag, found.branch, found.commit) == ("tag", "v1", "", AFTER)


@pytest.mark.parametrize("push", PUSHES)
def test_deleted_branch_and_tag_make_no_run_and_say_which(push: object) -> None:
    branch = ignored(push("refs/heads/old", BEFORE, ZERO))  # type: ignore[operator]
    tag = ignored(push("refs/tags/v1", BEFORE, ZERO))  # type: ignore[operator]
    assert (branch.code, branch.ref) == ("branch-deleted", "refs/heads/old")
    assert (tag.code, tag.ref) == ("tag-deleted", "refs/tags/v1")


@pytest.mark.parametrize(
    "sample",
    [
        s.github_pull_request(),
        s.github_pull_request("synchronize", before=BEFORE),
        s.github_pull_request("reopened"),
        s.gitlab_merge_request(),
        s.gitlab_merge_request("reopen"),
        s.gitlab_merge_request("update", oldrev=BEFORE),
        s.bitbucket_dc_pull_request(),
        s.bitbucket_dc_pull_request("pr:from_ref_updated"),
        s.gitea_pull_request(),
        s.gitea_pull_request("synchronized"),
    ],
)
def test_pull_request_with_something_new_asks_for_a_run(sample: Sample) -> None:
    found = trigger(sample)
    assert (found.source, found.pull_request, found.commit) == ("pull_request", 7, AFTER)
    assert (found.branch, found.base_branch, found.title) == ("cart", "main", "A better cart")
    assert found.changed_paths is None


def test_bitbucket_cloud_pull_request_keeps_the_short_commit_it_is_given() -> None:
    found = trigger(s.bitbucket_cloud_pull_request())
    assert (found.commit, found.ref) == (AFTER[:12], "refs/heads/cart")


def test_bitbucket_cloud_pull_request_from_a_fork_is_ignored() -> None:
    assert ignored(s.bitbucket_cloud_pull_request(source="eve/shop")).code == "pull-request-from-fork"


@pytest.mark.parametrize(
    "sample",
    [
        s.github_pull_request("closed"),
        s.gitlab_merge_request("merge"),
        s.gitlab_merge_request("close"),
        s.bitbucket_cloud_pull_request("pullrequest:fulfilled"),
        s.bitbucket_dc_pull_request("pr:declined"),
        s.gitea_pull_request("closed"),
    ],
)
def test_closed_pull_request_is_ignored(sample: Sample) -> None:
    assert ignored(sample).code == "pull-request-closed"


@pytest.mark.parametrize(
    "sample", [s.github_pull_request("labeled"), s.gitlab_merge_request("update"), s.gitea_pull_request("edited")]
)
def test_pull_request_action_without_new_commits_is_ignored(sample: Sample) -> None:
    assert ignored(sample).code == "unsupported-action"


@pytest.mark.parametrize("sample", [s.github("ping", zen="Design for failure."), s.bitbucket_dc("diagnostics:ping")])
def test_ping_is_ignored_as_a_ping(sample: Sample) -> None:
    assert ignored(sample).code == "ping"


@pytest.mark.parametrize(
    "sample",
    [
        s.github("star", action="created"),
        s.gitlab("Pipeline Hook"),
        s.bitbucket_cloud("issue:created"),
        s.bitbucket_dc("repo:modified"),
        s.gitea("issues"),
    ],
)
def test_event_of_an_unknown_kind_is_kept_and_ignored(sample: Sample) -> None:
    assert ignored(sample).code == "unsupported-event"


def test_gitea_says_only_by_delete_that_a_branch_is_gone() -> None:
    found = ignored(s.gitea("delete", ref="old", ref_type="branch"))
    assert (found.code, found.ref) == ("branch-deleted", "refs/heads/old")


def test_several_changes_of_one_bitbucket_push_are_several_triggers_with_their_own_ids() -> None:
    sample = s.bitbucket_cloud_push(
        s.cloud_change("main"), s.cloud_change("v1", None, AFTER, "tag"), s.cloud_change("old", BEFORE, None)
    )
    first, second, third = outcomes(sample)
    assert isinstance(first, Trigger)
    assert isinstance(second, Trigger)
    assert (second.source, second.before) == ("tag", ZERO)
    assert first.trigger_id != second.trigger_id
    assert isinstance(third, Ignored)


def test_changed_paths_come_from_the_commit_list() -> None:
    assert trigger(s.github_push()).changed_paths == ("basket.py", "cart.py", "shop/main.py")


@pytest.mark.parametrize(
    "sample",
    [
        s.github_push(commits=[{"id": AFTER, "added": ["a"]}] * 2048),
        s.github_push(forced=True),
        s.github_push(before=ZERO),
        s.gitlab_push(total_commits_count=21),
        s.gitlab_push(commits=[], total_commits_count=0),
        s.gitea_push(total_commits=6),
        s.bitbucket_cloud_push(),
        s.bitbucket_dc_push(),
    ],
)
def test_changed_paths_are_unknown_where_the_list_does_not_tell_all(sample: Sample) -> None:
    assert trigger(sample).changed_paths is None


def test_annotated_tag_is_built_at_its_commit() -> None:
    sample = s.github_push("refs/tags/v1", ZERO, s.TAG_OBJECT, head_commit={"id": AFTER, "message": "Release"})
    assert trigger(sample).commit == AFTER
    assert trigger(s.gitlab_push("refs/tags/v1", ZERO, s.TAG_OBJECT, checkout_sha=AFTER)).commit == AFTER


def test_title_is_the_first_line_of_the_message_and_short() -> None:
    assert trigger(s.github_push()).title == "Add the cart"
    long = s.github_push(head_commit={"id": AFTER, "message": "x" * 5000})
    assert len(trigger(long).title) == 200


def test_redelivery_keeps_the_triggers_id_so_that_it_is_recognised() -> None:
    (first,) = normalise(delivery_of(s.github_push()))
    (again,) = normalise(delivery_of(s.github_push(), "d-2", redelivery_of="d-1"))
    (other,) = normalise(delivery_of(s.github_push(), "d-3"))
    assert isinstance(first, Trigger)
    assert isinstance(again, Trigger)
    assert isinstance(other, Trigger)
    assert again.trigger_id == first.trigger_id != other.trigger_id
    assert again.delivery_id == "d-2"


def test_branch_that_looks_like_a_command_is_just_a_name() -> None:
    name = "$(touch${IFS}pwned)"
    assert trigger(s.github_push(f"refs/heads/{name}")).branch == name


@pytest.mark.parametrize(
    ("sample", "where"),
    [
        (s.github_push("main"), "full name of a git ref"),
        (s.github_push("refs/heads/a b"), "full name of a git ref"),
        (s.github_push("refs/heads/a..b"), "full name of a git ref"),
        (s.github_push(after="HEAD"), "'after'"),
        (s.github_push(before="--upload-pack=x"), "'before'"),
        (s.github("push", ref="refs/heads/main"), "before"),
        (s.github_pull_request().but(pull_request={"title": "x"}), "$.pull_request"),
        (s.bitbucket_cloud("repo:push", push={}), "$.push"),
    ],
)
def test_payload_that_is_not_the_forges_is_malformed_and_says_where(sample: Sample, where: str) -> None:
    with pytest.raises(Malformed) as refused:
        outcomes(sample)
    assert refused.value.code == "payload-invalid"
    assert where in refused.value.detail


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_body_that_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        DIALECTS["github"].repository_urls(body)
    assert refused.value.code in ("malformed-json", "payload-invalid")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/shop",
        "https://github.com/Acme/Shop.git",
        "https://user@github.com:443/acme/shop.git/",
        "ssh://git@github.com/acme/shop.git",
        "git@github.com:acme/shop.git",
    ],
)
def test_the_same_repository_has_one_key_however_it_is_written(url: str) -> None:
    assert repository_key(url) == "github.com/acme/shop"


def test_builtin_url_names_its_app() -> None:
    assert builtin_app(builtin_url("shop")) == "shop"
    assert builtin_app("https://github.com/acme/shop") is None
