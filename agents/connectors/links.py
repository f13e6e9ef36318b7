"""Where people look at things: the addresses that pushes, commit statuses and notifications show."""

from urllib.parse import quote


def run_url(public_url: str, run_id: str) -> str:
    """The run's page in the console."""
    return _page(public_url, "runs", run_id)


def rollout_url(public_url: str, rollout_id: str) -> str:
    return _page(public_url, "rollouts", rollout_id)


def environment_url(public_url: str, app: str, environment: str) -> str:
    return _page(public_url, "apps", app, "environments", environment)


def app_url(public_url: str, app: str) -> str:
    return _page(public_url, "apps", app)


def _page(public_url: str, *parts: str) -> str:
    return "/".join((public_url.rstrip("/"), *(quote(part, safe="") for part in parts)))
