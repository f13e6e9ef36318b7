"""What `sealane replay` says: for people, or as JSON."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.cli.errors import CliError, Exit
from gateway.cli.output import console, print_json
from processors.replay import Replayed
from projections.verify import Verified


@dataclass
class Report:
    """`views` is None where they were not compared, or could not be: `views_problem`."""

    log: Replayed = field(default_factory=Replayed)
    log_seconds: float = 0.0
    views: Verified | None = None
    views_problem: str = ""
    view_seconds: float = 0.0

    @property
    def holds(self) -> bool:
        views_hold = self.views is None or self.views.difference is None
        return not self.log.faults and views_hold and not self.views_problem

    def show(self, stream: str, as_json: bool) -> None:
        """Raises CliError where there is no such stream."""
        if as_json:
            return print_json(self._document(stream))
        for fault in self.log.faults:
            console.print(f"[red]{fault.code}[/red] at {fault.position}: {fault.detail}", soft_wrap=True)
        if stream and self.log.state is None:
            raise CliError(f"the log has no event of '{stream}'", Exit.NOT_FOUND, "stream-unknown")
        if stream:
            print_json(msgspec.to_builtins(self.log.state))
        self._show_log()
        if self.views is not None:
            self._show_views(self.views)
        if self.views_problem:
            console.print(f"views: [red]can't be compared[/red]: {self.views_problem}", soft_wrap=True)
        return None

    def _document(self, stream: str) -> dict[str, Any]:
        found = self.log
        document: dict[str, Any] = {
            "events": found.events,
            "streams": found.streams,
            "seconds": round(self.log_seconds, 3),
            "faults": [
                {"position": str(each.position), "code": each.code, "detail": each.detail} for each in found.faults
            ],
            "digest": found.digest,
            "partitions_compared": found.compared,
            "partitions_skipped": found.skipped,
        }
        if stream:
            document["state"] = msgspec.to_builtins(found.state)
        if self.views is not None:
            difference = str(self.views.difference) if self.views.difference else None
            seconds = round(self.view_seconds, 3)
            document["views"] = {"rows": self.views.rows, "seconds": seconds, "difference": difference}
        if self.views_problem:
            document["views"] = {"problem": self.views_problem}
        return document

    def _show_log(self) -> None:
        found = self.log
        verdict = "[red]the log does not hold[/red]" if found.faults else "[green]every chain holds[/green]"
        rate = found.events / max(self.log_seconds, 1e-6)
        console.print(
            f"{found.events:,} events, {found.streams:,} streams in memory, in {self.log_seconds:.1f} s "
            f"({rate:,.0f}/s): {verdict}",
            soft_wrap=True,
        )
        if found.compared:
            console.print(f"states of {found.compared} partitions compared with their snapshots; digest {found.digest}")
        for words in found.skipped:
            console.print(f"{words}; no states compared", style="dim", soft_wrap=True)

    def _show_views(self, views: Verified) -> None:
        what = f"views: {views.rows:,} rows compared in {self.view_seconds:.1f} s"
        if views.difference is None:
            console.print(f"{what}: [green]equal[/green]")
        else:
            console.print(f"{what}: [red]{views.difference}[/red]", soft_wrap=True)
