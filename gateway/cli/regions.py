"""`sealane regions`: how each region is, and moving its work away and back."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.context import AsJson, client
from gateway.cli.output import console, print_json, print_rows

Json = dict[str, Any]
regions = typer.Typer(help="Regions: leaders, replicas, lag, agents; evacuate one.", invoke_without_command=True)
RegionName = Annotated[str, typer.Argument(help="The region.")]


@regions.callback()
def list_regions(context: typer.Context, as_json: AsJson = False) -> None:
    """List regions; with a subcommand, do that."""
    if context.invoked_subcommand is not None:
        return
    page = client().get("/api/v1/regions")
    if as_json:
        return print_json(page)
    columns = [
        ("REGION", "name"),
        ("STATE", "state"),
        ("BROKERS", "brokers"),
        ("LEADERS", "led"),
        ("IN SYNC", "copies"),
        ("LAG", "lag"),
        ("AGENTS", "agents"),
        ("BUSY", "busy"),
        ("QUEUED", "queued"),
        ("FALLBACK", "fallback"),
        ("EVACUATED", "evacuated_at"),
        ("WHY", "why"),
    ]
    print_rows(map(_row, page["items"]), columns, "no regions")


def _row(region: Json) -> Json:
    missing = region["partitions"] - region["led_here"] - region["led_elsewhere"]
    elsewhere = f", {region['led_elsewhere']} elsewhere" if region["led_elsewhere"] else ""
    without = f", {missing} without" if missing else ""
    by = f" by {region['evacuated_by']}" if region["evacuated_by"] else ""
    return region | {
        "led": f"{region['led_here']} of {region['partitions']} here{elsewhere}{without}",
        "copies": f"{region['in_sync']} of {region['replicas']}",
        "fallback": [f"{pool['name']}: {', '.join(pool['fallback'])}" for pool in region["pools"] if pool["fallback"]],
        "why": region["evacuated_reason"] + by,
    }


@regions.command()
def evacuate(region: RegionName, as_json: AsJson = False) -> None:
    """Waiting jobs move to fallback pools and leaders to other brokers; running jobs end where they are."""
    found = client().post(f"/api/v1/regions/{quote(region)}/evacuate")
    if as_json:
        return print_json(found)
    still = f"; {found['busy']} jobs still run there" if found["busy"] else ""
    stay = f"; {found['queued']} jobs wait for it ('sealane agents queue' says why)" if found["queued"] else ""
    return console.print(f"{region} is evacuated: it leads {found['leaders']} partitions{still}{stay}", soft_wrap=True)


@regions.command()
def restore(region: RegionName, as_json: AsJson = False) -> None:
    """End an evacuation: leaders come back, and so do jobs that still wait elsewhere."""
    found = client().post(f"/api/v1/regions/{quote(region)}/restore")
    if as_json:
        return print_json(found)
    return console.print(f"{region} is restored: it leads {found['leaders']} partitions", soft_wrap=True)


@regions.command()
def fallback(
    region: RegionName,
    pools: Annotated[
        list[str] | None,
        typer.Argument(help="Where its waiting jobs go, <region>/<pool>, first choice first; none: they wait."),
    ] = None,
    pool: Annotated[str, typer.Option(help="Whose fallback pools these are.")] = "default",
    after: Annotated[int, typer.Option(help="Seconds without an agent until it happens by itself.", min=0)] = 30,
    as_json: AsJson = False,
) -> None:
    """Set where a region's waiting jobs go when it is lost or evacuated."""
    body = {"fallback": pools or [], "evacuate_after_seconds": after}
    decision = client().patch(f"/api/v1/pools/{quote(region)}/{quote(pool)}", body)
    if as_json:
        return print_json(decision)
    if not pools:
        return console.print(f"jobs of {region}/{pool} wait for their own pool, whatever happens")
    where = f"jobs of {region}/{pool} move to {', '.join(pools)}"
    return console.print(f"{where} when it has had no agent for {after} s, or is evacuated", soft_wrap=True)
