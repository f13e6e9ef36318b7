"""One function per forge and kind of delivery: (event name, headers that name it, payload)."""

import json
from typing import Any, NamedTuple

from core.trigger import Forge

BEFORE = "a" * 40
AFTER = "b" * 40
TAG_OBJECT = "c" * 40
ZERO = "0" * 40


class Sample(NamedTuple):
    """What a forge posts. `event` is the value of `event_header`."""

    forge: Forge
    event_header: str
    event: str
    delivery_header: str
    payload: dict[str, Any]

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload).encode()

    def but(self, **changes: Any) -> "Sample":
        return self._replace(payload={**self.payload, **changes})


def github(event: str, **payload: Any) -> Sample:
    repository = {
        "id": 1,
        "full_name": "acme/shop",
        "private": True,
        "clone_url": "https://github.com/acme/shop.git",
        "ssh_url": "git@github.com:acme/shop.git",
        "git_url": "git://github.com/acme/shop.git",
        "html_url": "https://github.com/acme/shop",
        "default_branch": "main",
    }
    body = {"repository": repository, "sender": {"login": "mona", "id": 2, "type": "User"}, **payload}
    return Sample("github", "X-GitHub-Event", event, "X-GitHub-Delivery", body)


def github_push(ref: str = "refs/heads/main", before: str = BEFORE, after: str = AFTER, **more: Any) -> Sample:
    commit = {
        "id": after,
        "tree_id": "d" * 40,
        "distinct": True,
        "message": "Add the cart\n\nIt holds things.",
        "timestamp": "2026-11-20T10:00:00+01:00",
        "author": {"name": "Mona", "email": "mona@example.com", "username": "mona"},
        "added": ["cart.py"],
        "removed": ["basket.py"],
        "modified": ["shop/main.py"],
    }
    fields: dict[str, Any] = {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == ZERO,
        "deleted": after == ZERO,
        "forced": False,
        "base_ref": None,
        "compare": "https://github.com/acme/shop/compare/a...b",
        "commits": [] if after == ZERO else [commit],
        "head_commit": None if after == ZERO else commit,
        "pusher": {"name": "mona", "email": "mona@example.com"},
    }
    return github("push", **{**fields, **more})


def github_pull_request(action: str = "opened", **more: Any) -> Sample:
    pull = {
        "id": 9,
        "number": 7,
        "state": "open",
        "title": "A better cart",
        "user": {"login": "mona"},
        "head": {"ref": "cart", "sha": AFTER, "label": "acme:cart"},
        "base": {"ref": "main", "sha": BEFORE, "label": "acme:main"},
        "draft": False,
    }
    return github("pull_request", action=action, number=7, pull_request=pull, **more)


def gitlab(event: str, **payload: Any) -> Sample:
    project = {
        "id": 15,
        "name": "Shop",
        "web_url": "https://gitlab.example.com/acme/shop",
        "git_ssh_url": "git@gitlab.example.com:acme/shop.git",
        "git_http_url": "https://gitlab.example.com/acme/shop.git",
        "path_with_namespace": "acme/shop",
        "default_branch": "main",
    }
    return Sample("gitlab", "X-Gitlab-Event", event, "X-Gitlab-Event-UUID", {"project": project, **payload})


def gitlab_push(ref: str = "refs/heads/main", before: str = BEFORE, after: str = AFTER, **more: Any) -> Sample:
    tag = ref.startswith("refs/tags/")
    commit = {
        "id": after,
        "message": "Add the cart\n",
        "title": "Add the cart",
        "timestamp": "2026-11-20T10:00:00+01:00",
        "added": ["cart.py"],
        "modified": ["shop/main.py"],
        "removed": [],
    }
    fields: dict[str, Any] = {
        "object_kind": "tag_push" if tag else "push",
        "event_name": "tag_push" if tag else "push",
        "ref": ref,
        "before": before,
        "after": after,
        "checkout_sha": None if after == ZERO else after,
        "user_id": 4,
        "user_name": "Mona",
        "user_username": "mona",
        "commits": [] if after == ZERO else [commit],
        "total_commits_count": 0 if after == ZERO else 1,
    }
    return gitlab("Tag Push Hook" if tag else "Push Hook", **{**fields, **more})


def gitlab_merge_request(action: str = "open", **attributes: Any) -> Sample:
    request = {
        "id": 99,
        "iid": 7,
        "title": "A better cart",
        "state": "opened",
        "source_branch": "cart",
        "target_branch": "main",
        "last_commit": {"id": AFTER, "message": "Add the cart"},
        "action": action,
        **attributes,
    }
    return gitlab(
        "Merge Request Hook", object_kind="merge_request", user={"username": "mona"}, object_attributes=request
    )


def bitbucket_cloud(event: str, **payload: Any) -> Sample:
    body = {
        "actor": {"type": "user", "nickname": "mona", "display_name": "Mona"},
        "repository": _cloud_repository("acme/shop"),
        **payload,
    }
    return Sample("bitbucket-cloud", "X-Event-Key", event, "X-Request-UUID", body)


def _cloud_repository(name: str) -> dict[str, Any]:
    links = {"html": {"href": f"https://bitbucket.org/{name}"}}
    return {"type": "repository", "full_name": name, "links": links}


def cloud_change(name: str = "main", old: str | None = BEFORE, new: str | None = AFTER, kind: str = "branch") -> Any:
    def side(commit: str | None) -> Any:
        target = {"type": "commit", "hash": commit, "message": "Add the cart\n"}
        return None if commit is None else {"type": kind, "name": name, "target": target}

    return {"old": side(old), "new": side(new), "created": old is None, "closed": new is None, "truncated": False}


def bitbucket_cloud_push(*changes: Any) -> Sample:
    return bitbucket_cloud("repo:push", push={"changes": list(changes) or [cloud_change()]})


def bitbucket_cloud_pull_request(event: str = "pullrequest:created", source: str = "acme/shop") -> Sample:
    pull = {
        "id": 7,
        "title": "A better cart",
        "state": "OPEN",
        "source": {
            "branch": {"name": "cart"},
            "commit": {"hash": AFTER[:12]},
            "repository": _cloud_repository(source),
        },
        "destination": {
            "branch": {"name": "main"},
            "commit": {"hash": BEFORE[:12]},
            "repository": _cloud_repository("acme/shop"),
        },
    }
    return bitbucket_cloud(event, pullrequest=pull)


def bitbucket_dc(event: str, **payload: Any) -> Sample:
    body = {"eventKey": event, "date": "2026-11-20T10:00:00+0100", "actor": {"name": "mona", "id": 3}, **payload}
    return Sample("bitbucket-dc", "X-Event-Key", event, "X-Request-Id", body)


def _dc_repository() -> dict[str, Any]:
    clone = [
        {"href": "ssh://git@bitbucket.example.com:7999/acme/shop.git", "name": "ssh"},
        {"href": "https://bitbucket.example.com/scm/acme/shop.git", "name": "http"},
    ]
    return {"slug": "shop", "id": 84, "project": {"key": "ACME"}, "links": {"clone": clone}}


def bitbucket_dc_push(ref: str = "refs/heads/main", before: str = BEFORE, after: str = AFTER) -> Sample:
    kind = "DELETE" if after == ZERO else "ADD" if before == ZERO else "UPDATE"
    change = {"ref": {"id": ref}, "refId": ref, "fromHash": before, "toHash": after, "type": kind}
    return bitbucket_dc("repo:refs_changed", repository=_dc_repository(), changes=[change])


def bitbucket_dc_pull_request(event: str = "pr:opened") -> Sample:
    def side(branch: str, commit: str) -> dict[str, Any]:
        name = f"refs/heads/{branch}"
        return {"id": name, "displayId": branch, "latestCommit": commit, "repository": _dc_repository()}

    pull = {"id": 7, "title": "A better cart", "fromRef": side("cart", AFTER), "toRef": side("main", BEFORE)}
    return bitbucket_dc(event, pullRequest=pull)


def gitea(event: str, **payload: Any) -> Sample:
    repository = {
        "id": 1,
        "full_name": "acme/shop",
        "html_url": "http://gitea.example.com:3000/acme/shop",
        "ssh_url": "git@gitea.example.com:acme/shop.git",
        "clone_url": "http://gitea.example.com:3000/acme/shop.git",
        "default_branch": "main",
    }
    body = {"repository": repository, "sender": {"login": "mona"}, **payload}
    return Sample("gitea", "X-Gitea-Event", event, "X-Gitea-Delivery", body)


def gitea_push(ref: str = "refs/heads/main", before: str = BEFORE, after: str = AFTER, **more: Any) -> Sample:
    commit = {"id": after, "message": "Add the cart\n", "added": ["cart.py"], "removed": [], "modified": None}
    fields: dict[str, Any] = {
        "ref": ref,
        "before": before,
        "after": after,
        "commits": None if after == ZERO else [commit],
        "total_commits": 0 if after == ZERO else 1,
        "head_commit": None if after == ZERO else commit,
        "pusher": {"login": "mona"},
    }
    return gitea("push", **{**fields, **more})


def gitea_pull_request(action: str = "opened") -> Sample:
    pull = {
        "title": "A better cart",
        "user": {"login": "mona"},
        "head": {"ref": "cart", "sha": AFTER},
        "base": {"ref": "main", "sha": BEFORE},
    }
    return gitea("pull_request", action=action, number=7, pull_request=pull)
