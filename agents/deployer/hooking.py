"""A rollout's pre-deploy command: begun once, looked at until it ends, and the rollout told."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from agents.connectors.answers import to_rollout
from agents.connectors.base import Later, Result
from agents.deployer.hooks import Hooks
from agents.targets.base import TargetFailed
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.topics import Topology
from core.ports import Clock, OutgoingRecord
from core.rollouts.commands import ReportHook
from core.rollouts.events import HookRequested

LOOK_SECONDS = 0.2
# A command that nobody asks about any more is not begun.
LATE = timedelta(seconds=1)


class Hooking:
    def __init__(self, topology: Topology, region: str, clock: Clock, hooks: Hooks) -> None:
        self._topology = topology
        self._actor = f"deployer/{region}"
        self._clock = clock
        self._hooks = hooks

    def look(self, event: EventEnvelope, asked: HookRequested) -> Result:
        rollout_id = Stream.parse(event.stream).id
        try:
            if not self._hooks.begun(rollout_id, asked) and self._clock.now() > asked.answer_by + LATE:
                return self._answer(event, asked, ReportHook(ok=False, detail="the deployer came to it too late"))
            ended = self._hooks.look(rollout_id, asked)
        except TargetFailed as error:
            return self._answer(event, asked, ReportHook(ok=False, detail=str(error)))
        return Later(LOOK_SECONDS) if ended is None else self._answer(event, asked, ended)

    def give_up(self, event: EventEnvelope, asked: HookRequested, error: Exception) -> Sequence[OutgoingRecord]:
        failed = ReportHook(ok=False, detail=f"the deployer failed: {type(error).__name__}: {error}")
        return self._answer(event, asked, failed)

    def _answer(self, event: EventEnvelope, asked: HookRequested, ended: ReportHook) -> Sequence[OutgoingRecord]:
        command = msgspec.structs.replace(ended, down=asked.down)
        return [to_rollout(self._topology, event, command, actor=self._actor, now=self._clock.now())]
