"""How a rollout begins: its waves are fixed, people are asked, the pre-deploy command runs once."""

from datetime import timedelta
from typing import Final

from core.environments.release import Release
from core.environments.settings import EnvironmentSettings, Hook
from core.rollouts import events as e
from core.rollouts.commands import StartRollout
from core.rollouts.draft import Draft
from core.rollouts.waves import start_wave

# What the deployer needs beyond the command's own time, to fetch the release.
HOOK_MARGIN: Final = timedelta(seconds=120)


def start_rollout(draft: Draft, command: StartRollout) -> None:
    settings = command.settings
    draft.tell(
        e.RolloutRequested(
            app=command.app,
            number=command.number,
            release=command.release,
            settings=settings,
            origin=command.origin,
            kind=command.kind,
            waves=_waves(settings, command),
            releases=command.releases,
            leaving=command.leaving,
            override_reason=command.override_reason,
        )
    )
    approval = settings.approval
    if approval is None or command.kind == "rollback":
        begin(draft)
        return
    draft.tell(
        e.RolloutApprovalRequested(
            app=command.app,
            environment=settings.name,
            count=approval.count,
            groups=approval.groups,
            prevent_self_approval=approval.prevent_self_approval,
            expires_at=draft.now + timedelta(seconds=approval.timeout_seconds),
        )
    )


def _waves(settings: EnvironmentSettings, command: StartRollout) -> tuple[tuple[str, ...], ...]:
    """The chosen regions; a rollback goes to all of them at once."""
    chosen = tuple(region for region in settings.regions if not command.regions or region in command.regions)
    if command.kind == "rollback" or not settings.waves:
        return (chosen,)
    waves = (tuple(region for region in wave if region in chosen) for wave in settings.waves)
    return tuple(wave for wave in waves if wave)


def begin(draft: Draft) -> None:
    """Nobody needs to be asked (any more)."""
    state = draft.state
    hook = state.plan.pre_deploy
    if state.kind == "deploy" and hook is not None:
        request_hook(draft, hook, state.goal)
    elif _past_migration(draft) and state.way_down is not None and state.leaving is not None:
        request_hook(draft, state.way_down, state.leaving, down=True)
    else:
        start_wave(draft, 0)


def _past_migration(draft: Draft) -> bool:
    """Whether a rollback that somebody asked for goes back past a contract migration, and hasn't a reason for it."""
    state = draft.state
    left = state.leaving
    return state.kind == "rollback" and left is not None and left.incompatible_before and not state.override_reason


def request_hook(draft: Draft, hook: Hook, release: Release, down: bool = False) -> None:
    """In the first region: migrations are the app's, not a region's."""
    state = draft.state
    region = state.waves[0][0]
    told = e.HookRequested(
        app=state.app,
        environment=state.plan.name,
        region=region,
        release=release,
        hook=hook,
        target=state.plan.target_in(region),
        down=down,
        answer_by=draft.now + timedelta(seconds=hook.timeout_seconds) + HOOK_MARGIN,
    )
    draft.tell(told)
