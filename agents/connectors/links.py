"""Where people look at a run: the address that pushes, commit statuses and notifications show."""

from urllib.parse import quote


def run_url(public_url: str, run_id: str) -> str:
    """The run's page in the console."""
    return f"{public_url.rstrip('/')}/runs/{quote(run_id, safe='')}"
