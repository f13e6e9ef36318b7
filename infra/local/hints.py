"""What `sealane up` says when everything runs."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from gateway.cli.client import Client
from gateway.cli.run_view import title
from infra.local.demo import APP


def show_hints(console: Console, client: Client, sample: Path, url: str) -> None:
    """The newest runs, and what to try next."""
    newest = client.get("/api/v1/runs", limit=5)["items"]
    console.print("\nNewest runs", style="bold")
    for run in newest:
        console.print(Text("  ").append_text(title(run)))
    folder = _short(sample)
    hints = [
        ("see that run again", f"sealane show {APP}"),
        ("read its log", f"sealane logs {APP}"),
        ("what is deployed where", "sealane envs"),
        ("push a broken version", f"cd {folder} && ./try broken   (or: slow, crashing, leaking, never-ready)"),
        ("approve it, and watch", "sealane approvals; sealane deployments show --follow ID"),
        ("go back by hand", f"sealane rollback {APP} production"),
        ("build your own", f"git remote add sealane {url}/git/myapp.git && git push sealane main"),
        ("the audit trail, live", "sealane events tail"),
    ]
    console.print("\nTry next, in a second terminal (. .venv/bin/activate)", style="bold")
    for what, command in hints:
        console.print(f"  {what:<24} [cyan]{command}[/cyan]", soft_wrap=True)
    console.print("\nCtrl-C stops everything; nothing is forgotten.\n", style="dim")


def _short(path: Path) -> str:
    """The path as seen from here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
