"""How GitHub, GitLab and Gitea (Forgejo) want to be told the status of a commit."""

from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from core.forges.urls import repository_path

State = Literal["pending", "success", "failure", "error", "cancelled"]
DEFAULT_BASE_URLS = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
MAX_DESCRIPTION = 140
_GITLAB_STATES = {"failure": "failed", "error": "failed", "cancelled": "canceled"}


class Status(NamedTuple):
    """`context` tells statuses of one commit apart; the newest of a context counts."""

    repository_url: str
    commit: str
    state: State
    description: str
    link: str
    context: str


class Api(NamedTuple):
    """Where a forge's API is (empty: its own service) and the token that may post."""

    base_url: str
    token: str


class Post(NamedTuple):
    url: str
    headers: dict[str, str]
    body: dict[str, Any]


def post_of(forge: str, api: Api, status: Status) -> Post:
    """The request that sets the status. Raises KeyError for a forge that has no such API here."""
    base = (api.base_url or DEFAULT_BASE_URLS[forge]).rstrip("/")
    path = repository_path(status.repository_url)
    description = status.description[:MAX_DESCRIPTION]
    body = {"target_url": status.link, "description": description}
    match forge:
        case "gitlab":
            project = quote(path, safe="")
            url = f"{base}/api/v4/projects/{project}/statuses/{status.commit}"
            state = _GITLAB_STATES.get(status.state, status.state)
            return Post(url, {"PRIVATE-TOKEN": api.token}, {**body, "state": state, "name": status.context})
        case "github":
            url = f"{base}/repos/{quote(path)}/statuses/{status.commit}"
            headers = {"Authorization": f"Bearer {api.token}", "Accept": "application/vnd.github+json"}
        case "gitea":
            url = f"{base}/api/v1/repos/{quote(path)}/statuses/{status.commit}"
            headers = {"Authorization": f"token {api.token}"}
        case _:
            raise KeyError(forge)
    state = "error" if status.state == "cancelled" else status.state
    return Post(url, headers, {**body, "state": state, "context": status.context})
