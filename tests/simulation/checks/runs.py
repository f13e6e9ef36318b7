"""Runs: one for each accepted push, and each comes to its end."""

from tests.simulation.checks.observer import Check, Seen


class RunsCheck(Check):
    """`open` are the runs (and their rounds) that have not ended; `by_delivery` the run of each delivery."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, int] = {}
        self.by_delivery: dict[str, str] = {}
        self.requested: set[str] = set()
        self.outcomes: dict[str, int] = {}
        self._accepted: set[str] = set()

    def event(self, seen: Seen) -> None:
        stream = seen.event.stream
        match seen.event.type:
            case "trigger.accepted":
                data = seen.data
                self._trigger_accepted(data["run_id"], data["trigger"].get("delivery_id", ""))
            case "run.requested":
                if stream in self.requested:
                    self.wrong(f"{stream} was requested twice")
                self.requested.add(stream)
                self.open[stream] = 1
            case "run.rerun_requested":
                if stream in self.open:
                    self.wrong(f"{stream} begins round {seen.data['round']} before round {self.open[stream]} has ended")
                self.open[stream] = seen.data["round"]
            case "run.finished":
                if self.open.pop(stream, None) is None:
                    self.wrong(f"{stream} has ended, although it had ended before or never begun")
                outcome = seen.data["outcome"]
                self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def _trigger_accepted(self, run: str, delivery: str) -> None:
        if run in self._accepted:
            self.wrong(f"two triggers made run {run}")
        self._accepted.add(run)
        if delivery in self.by_delivery:
            self.wrong(f"delivery {delivery} made run {self.by_delivery[delivery]} and run {run}")
        self.by_delivery[delivery] = run

    def has_all(self, accepted: list[str]) -> bool:
        return all(delivery in self.by_delivery for delivery in accepted)

    def check_pushes(self, accepted: list[str]) -> None:
        """At the end: every push that was answered has its run."""
        for delivery in accepted:
            run = self.by_delivery.get(delivery)
            if run is None:
                self.wrong(f"push {delivery} was accepted and made no run")
            elif f"run/{run}" not in self.requested:
                self.wrong(f"push {delivery} made run {run}, which was never requested")
