"""`sealane releases`: what can be deployed, where each release is, and making one of something that is there."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.context import AsJson, client
from gateway.cli.errors import CliError, Exit
from gateway.cli.groups import OfApp
from gateway.cli.output import console, print_done, print_facts, print_json, print_rows
from gateway.cli.rollouts import App

Json = dict[str, Any]
releases = typer.Typer(help="Releases (of an APP), and where they are.", invoke_without_command=True, cls=OfApp)


@releases.callback()
def list_releases(
    context: typer.Context,
    app: Annotated[str | None, typer.Option(help="Only this app.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List releases, newest first; with a subcommand, do that."""
    if context.invoked_subcommand is not None:
        return
    page = client().get("/api/v1/releases", app=app, limit=limit, cursor=cursor)
    if as_json:
        return print_json(page)
    columns = [
        ("APP", "app"),
        ("RELEASE", "id"),
        ("KIND", "kind"),
        ("COMMIT", "commit"),
        ("TITLE", "title"),
        ("BY", "author"),
        ("MADE", "created_at"),
        ("IS IN", "deployed"),
        ("KEPT OUT OF", "quarantined"),
    ]
    rows = [item | {"commit": item["commit"][:10], "title": item["title"][:50]} for item in page["items"]]
    print_rows(rows, columns, "no releases: a run that deploys makes one, or 'sealane releases create APP'")
    if page["next_cursor"]:
        console.print(f"more: --cursor {page['next_cursor']}", style="dim")


@releases.command()
def show(app: App, release: Annotated[str, typer.Argument(help="Its id.")], as_json: AsJson = False) -> None:
    """Show one release."""
    found = client().get(f"/api/v1/apps/{quote(app)}/releases/{quote(release)}")
    print_json(found) if as_json else print_facts(found)


@releases.command()
def create(
    app: App,
    file: Annotated[Path | None, typer.Option(help="A tar.gz, or a folder that becomes one.", exists=True)] = None,
    image: Annotated[str, typer.Option(help="A container image; with --digest.")] = "",
    digest: Annotated[str, typer.Option(help="The image's id, sha256:...")] = "",
    commit: Annotated[str, typer.Option(help="The files of this commit; or where FILE or IMAGE is from.")] = "",
    name: Annotated[str, typer.Option("--id", help="Its id; default: made of digest or commit.")] = "",
    title: Annotated[str, typer.Option(help="What is new in it.")] = "",
    config: Annotated[
        list[str] | None, typer.Option("--config", help="key=value for the instances' environment; repeat for more.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a release of an archive, a container image or a commit."""
    from gateway.cli.runs import parse_pairs

    if (file is not None) + bool(image) + bool(commit and not file and not image) != 1:
        raise CliError("choose one of --file, --image and --commit", Exit.USAGE, "options-conflict")
    connection = client()
    body: Json = {"id": name, "commit": commit, "title": title, "config": parse_pairs("--config", config or [])}
    if file is not None:
        uploaded = connection.post_bytes(f"/api/v1/apps/{quote(app)}/artifacts", _archive(file), "application/gzip")
        body |= {"kind": "file", "digest": uploaded["digest"]}
    elif image:
        body |= {"kind": "image", "location": image, "digest": digest}
    else:
        body |= {"kind": "tree"}
    wanted = {key: value for key, value in body.items() if value}
    answer = connection.post(f"/api/v1/apps/{quote(app)}/releases", wanted)
    print_done(answer, as_json, _made(app, answer))


def _made(app: str, answer: Json) -> str:
    made = [event["data"]["release"]["id"] for event in answer["events"] if event["type"] == "release.created"]
    return (
        f"release {made[0]}: sealane deploy {app} ENVIRONMENT --release {made[0]}" if made else "it was there already"
    )


def _archive(path: Path) -> bytes:
    """The same folder gives the same bytes, so that it is the same release."""
    if path.is_file():
        return path.read_bytes()
    import gzip
    import io
    import tarfile

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
        return member

    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for each in sorted(path.rglob("*")):
            tar.add(each, each.relative_to(path).as_posix(), recursive=False, filter=plain)
    return written.getvalue()
