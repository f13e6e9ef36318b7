"""Rollouts: people agree who may, waves begin in their order on one release, and each comes to its end."""

from typing import Any

from tests.simulation.checks.observer import Check, Seen


class Rollout:
    """What its events have said so far. `on_it` are the regions that are on the release, and stay; `returning` the
    deployments that take a region back, after which it may be tried again. `at_fault` is a region that has failed or
    was blamed by its watch, as long as nothing has followed from that."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.settings: dict[str, Any] = data["settings"]
        self.release: str = data["release"]["id"]
        self.kind: str = data.get("kind", "deploy")
        self.waves: list[list[str]] = data["waves"]
        self.authors = {data["origin"]["by"], data["release"].get("author", "")}
        self.approvals: list[str] = []
        self.live: dict[str, str] = {}
        self.on_it: set[str] = set()
        self.baked = -1
        self.migrated = self.settings.get("pre_deploy") is None or self.kind == "rollback"
        self.returning: set[str] = set()
        self.stopped = False
        self.at_fault = ""


class RolloutsCheck(Check):
    """`open` are the rollouts that have not ended, and the deployments."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, None] = {}
        self.outcomes: dict[str, int] = {}
        self._rollouts: dict[str, Rollout] = {}
        self._accepted: set[str] = set()
        self._asked: set[str] = set()
        self._ended: set[str] = set()

    def event(self, seen: Seen) -> None:
        handler = _HANDLERS.get(seen.event.type)
        if handler is not None:
            handler(self, seen.event.stream, seen.data)

    def _rollout_accepted(self, stream: str, data: dict[str, Any]) -> None:
        if data["rollout_id"] in self._accepted:
            self.wrong(f"{data['rollout_id']} was accepted twice")
        self._accepted.add(data["rollout_id"])
        self.open[f"rollout/{data['rollout_id']}"] = None

    def _requested(self, stream: str, data: dict[str, Any]) -> None:
        if stream in self._rollouts:
            self.wrong(f"{stream} was requested twice")
        self._rollouts[stream] = Rollout(data)

    def _approved(self, stream: str, data: dict[str, Any]) -> None:
        rollout = self._rollouts[stream]
        if data["by"] in rollout.approvals or data["by"] in rollout.authors:
            self.wrong(f"{stream} is approved by {data['by']}, after {rollout.approvals}; it is {rollout.authors}'s")
        rollout.approvals.append(data["by"])

    def _hook_finished(self, stream: str, data: dict[str, Any]) -> None:
        if data["ok"] and not data.get("down"):
            self._rollouts[stream].migrated = True

    def _wave_started(self, stream: str, data: dict[str, Any]) -> None:
        rollout = self._rollouts[stream]
        if rollout.kind == "deploy" and data.get("rollback"):
            rollout.returning |= {each["deployment_id"] for each in data["placements"]}
        else:
            self._check_wave(stream, rollout, data)
        for placement in data["placements"]:
            region = placement["region"]
            if region in rollout.live:
                self.wrong(f"{stream} starts {placement['deployment_id']} while {rollout.live[region]} is under way")
            rollout.live[region] = placement["deployment_id"]
            rollout.on_it.discard(region)
            self._asked.add(f"deployment/{placement['deployment_id']}")
            if f"deployment/{placement['deployment_id']}" not in self._ended:
                self.open[f"deployment/{placement['deployment_id']}"] = None

    def _check_wave(self, stream: str, rollout: Rollout, data: dict[str, Any]) -> None:
        index = data["index"]
        wanted = (rollout.settings.get("approval") or {}).get("count", 1) if rollout.settings.get("approval") else 0
        if rollout.kind == "deploy" and len(set(rollout.approvals)) < wanted:
            self.wrong(f"{stream} starts wave {index} with the approvals of {rollout.approvals}")
        if not rollout.migrated:
            self.wrong(f"{stream} starts wave {index} before its pre-deploy command is done")
        if rollout.kind == "deploy" and rollout.at_fault:
            self.wrong(f"{stream} starts wave {index} although {rollout.at_fault} has failed")
        again = {each["region"] for each in data["placements"]}
        before = {region for wave in rollout.waves[:index] for region in wave} - again
        if before - rollout.on_it:
            self.wrong(f"{stream} starts wave {index} while {before - rollout.on_it} is not on {rollout.release}")
        if rollout.kind == "deploy" and {each["release"]["id"] for each in data["placements"]} != {rollout.release}:
            self.wrong(f"{stream} brings something else than {rollout.release}: {data['placements']}")
        bake = rollout.settings.get("bake", {})
        if index and (bake.get("time_seconds") or bake.get("min_requests")) and rollout.baked < index - 1:
            self.wrong(f"{stream} starts wave {index}, and wave {index - 1} has not baked")

    def _bake_finished(self, stream: str, data: dict[str, Any]) -> None:
        self._rollouts[stream].baked = data["index"]

    def _region_finished(self, stream: str, data: dict[str, Any]) -> None:
        rollout = self._rollouts[stream]
        if rollout.live.pop(data["region"], None) != data["deployment_id"]:
            self.wrong(f"{stream}: {data['deployment_id']} ends, which was not under way")
        if data["outcome"] == "success" and data["deployment_id"] not in rollout.returning:
            rollout.on_it.add(data["region"])
        elif data["outcome"] != "success" and data["deployment_id"] not in rollout.returning:
            self._blame(rollout, data)

    def _watch_over(self, stream: str, data: dict[str, Any]) -> None:
        if data.get("breach"):
            self._rollouts[stream].on_it.discard(data["region"])
            self._blame(self._rollouts[stream], data)

    def _blame(self, rollout: Rollout, data: dict[str, Any]) -> None:
        if not rollout.stopped:
            rollout.at_fault = data["region"]

    def _stopped(self, stream: str, data: dict[str, Any]) -> None:
        self._rollouts[stream].stopped, self._rollouts[stream].at_fault = True, ""

    def _resumed(self, stream: str, data: dict[str, Any]) -> None:
        self._rollouts[stream].stopped = False

    def _finished(self, stream: str, data: dict[str, Any]) -> None:
        rollout = self._rollouts[stream]
        if rollout.live:
            self.wrong(f"{stream} has ended, and {rollout.live} is under way")
        if data["outcome"] == "success" and rollout.on_it != {region for wave in rollout.waves for region in wave}:
            self.wrong(f"{stream} has succeeded, and only {rollout.on_it} is on {rollout.release}")
        if self.open.pop(stream, "") == "":
            self.wrong(f"{stream} has ended, although it had ended before or never begun")
        self.outcomes[data["outcome"]] = self.outcomes.get(data["outcome"], 0) + 1

    def _deployment_finished(self, stream: str, data: dict[str, Any]) -> None:
        """One of another region may be refused so soon that its end is read before what asked for it."""
        if stream in self._ended:
            self.wrong(f"{stream} has ended, although it had ended before")
        self._ended.add(stream)
        self.open.pop(stream, None)

    def unasked(self) -> set[str]:
        """Deployments that no rollout has asked for."""
        return self._ended - self._asked


_HANDLERS: dict[str, Any] = {
    "app.rollout_accepted": RolloutsCheck._rollout_accepted,
    "rollout.requested": RolloutsCheck._requested,
    "rollout.approval_given": RolloutsCheck._approved,
    "rollout.hook_finished": RolloutsCheck._hook_finished,
    "rollout.wave_started": RolloutsCheck._wave_started,
    "rollout.bake_finished": RolloutsCheck._bake_finished,
    "rollout.region_finished": RolloutsCheck._region_finished,
    "rollout.watch_over": RolloutsCheck._watch_over,
    "rollout.halted": RolloutsCheck._stopped,
    "rollout.aborted": RolloutsCheck._stopped,
    "rollout.resumed": RolloutsCheck._resumed,
    "rollout.finished": RolloutsCheck._finished,
    "deployment.finished": RolloutsCheck._deployment_finished,
}
