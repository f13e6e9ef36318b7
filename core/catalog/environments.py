"""The App's environments, and which rollouts into them are accepted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from core.aggregate import Rejected
from core.catalog import commands as c
from core.catalog import events as e
from core.catalog.app_state import AppState
from core.catalog.release import content_of
from core.catalog.rules import check_release
from core.environments.release import Release
from core.environments.rules import problems_of
from core.environments.settings import (
    BlueGreen,
    Canary,
    EnvironmentSettings,
    Protection,
    Recreate,
    Rolling,
    Strategy,
)
from core.eventlog.serialization import Message
from core.ids import rollout_id
from core.pipeline.report import did_you_mean

Events = tuple[Message, ...]
replace = msgspec.structs.replace

STRATEGIES: Final[dict[str, Strategy]] = {
    "recreate": Recreate(),
    "rolling": Rolling(),
    "blue-green": BlueGreen(),
    "canary": Canary(),
}


def set_environments(state: AppState, command: c.SetEnvironments, now: datetime) -> Events:
    """Files are listened to in the order of their runs, and not at all once somebody used the API."""
    if state.archived and command.source == "file":
        return ()
    if state.archived:
        raise Rejected("app-archived", f"app '{state.name}' is archived")
    given_back = command.source == "file" and command.release_control
    outdated = state.environments_source == "api" or command.number < state.environments_number
    if command.source == "file" and outdated and not given_back:
        return ()
    # Who gives the word back to the files needn't know what they say: the next one is heard.
    wanted = command.environments or (state.environments if given_back else ())
    _refuse_invalid(wanted)
    if wanted == state.environments and command.source == state.environments_source:
        return ()
    told = e.EnvironmentsSet(
        environments=wanted, source=command.source, by=command.by, commit=command.commit, number=command.number
    )
    return (told,)


def _refuse_invalid(environments: tuple[EnvironmentSettings, ...]) -> None:
    problems = problems_of(environments)
    if problems:
        raise Rejected("environments-invalid", "; ".join(f"{each.path}: {each.message}" for each in problems[:20]))


def request_rollout(state: AppState, command: c.RequestRollout, now: datetime) -> Events:
    """Accepted or refused; a stage that waits is told of the refusal, a person gets it as an answer."""
    try:
        return (_accept(state, command),)
    except Rejected as refusal:
        if not command.origin.run_id:
            raise
        return (e.RolloutRefused(origin=command.origin, code=refusal.code, detail=refusal.detail),)


def refuse_rollout(state: AppState, command: c.RefuseRollout, now: datetime) -> Events:
    return (e.RolloutRefused(origin=command.origin, code=command.code, detail=command.detail),)


def find_protection(state: AppState, command: c.FindProtection, now: datetime) -> Events:
    """Always answered, because a stage waits for it. The locks are taken in the order of the regions' names."""
    settings = state.environment(command.environment)
    named: dict[str, Any] = {"origin": command.origin, "environment": command.environment}
    if settings is None:
        return (e.ProtectionFound(**named),)
    try:
        regions = _regions(settings, command.regions)
    except Rejected as refusal:
        return (e.ProtectionFound(**named, code=refusal.code, detail=refusal.detail),)
    protection = Protection(
        regions=tuple(sorted(regions)),
        approval=settings.approval,
        freezes=settings.freezes,
        windows=settings.windows,
    )
    return (e.ProtectionFound(**named, protection=protection),)


def _accept(state: AppState, command: c.RequestRollout) -> e.RolloutAccepted:
    if not state.exists:
        raise Rejected("app-unknown", f"there is no app '{state.name}'; create it first")
    if state.archived:
        raise Rejected("app-archived", f"app '{state.name}' is archived")
    settings = _with_strategy(_environment(state, command.environment), command.strategy_override)
    for release in (command.release, *command.releases.values()):
        _check_release(state, release)
    release = command.release
    if command.kind == "deploy":
        _refuse_changed(state, release)
        release = _marked(release, settings)
    else:
        _refuse_past_migration(settings, command)
    number = state.rollouts + 1
    return e.RolloutAccepted(
        app=state.name,
        rollout_id=rollout_id(state.region, state.name, number),
        number=number,
        region=state.region,
        release=release,
        settings=settings,
        origin=command.origin,
        kind=command.kind,
        regions=_regions(settings, command.regions, command.releases),
        releases=command.releases,
        leaving=command.leaving,
        override_reason=command.override_reason.strip(),
    )


def _environment(state: AppState, name: str) -> EnvironmentSettings:
    found = state.environment(name)
    if found is None:
        names = [each.name for each in state.environments]
        listed = f"there are: {', '.join(names)}" if names else "it has none yet; delivery.yml declares them"
        hint = did_you_mean(name, names) or listed
        raise Rejected("environment-unknown", f"app '{state.name}' has no environment '{name[:80]}'; {hint}")
    return found


def _with_strategy(settings: EnvironmentSettings, name: str) -> EnvironmentSettings:
    if not name:
        return settings
    if name not in STRATEGIES:
        hint = did_you_mean(name, STRATEGIES) or f"choose from {', '.join(STRATEGIES)}"
        raise Rejected("strategy-unknown", f"there is no strategy '{name[:80]}'; {hint}")
    changed = replace(settings, strategy=STRATEGIES[name])
    _refuse_invalid((changed,))
    return changed


def _regions(settings: EnvironmentSettings, asked: tuple[str, ...], others: Iterable[str] = ()) -> tuple[str, ...]:
    """Those that are asked for, or all. `others` must be known, too."""
    unknown = [region for region in (*asked, *others) if region not in settings.regions]
    if unknown:
        known = ", ".join(settings.regions)
        detail = f"environment '{settings.name}' has no region '{unknown[0][:80]}'; it is in {known}"
        raise Rejected("region-unknown", detail)
    return tuple(region for region in settings.regions if not asked or region in asked)


def _check_release(state: AppState, release: Release) -> None:
    check_release(release)
    if release.app != state.name:
        detail = f"release {release.id} is one of app '{release.app[:80]}', not of '{state.name}'"
        raise Rejected("release-invalid", detail)


def _refuse_changed(state: AppState, release: Release) -> None:
    known = state.releases.get(release.id)
    if known is not None and known != content_of(release):
        detail = f"release {release.id} of app '{state.name}' exists with another content, and is never changed"
        raise Rejected("release-exists", detail)


def _marked(release: Release, settings: EnvironmentSettings) -> Release:
    """With a contract migration nothing older runs after it."""
    hook = settings.pre_deploy
    contract = hook is not None and hook.phase == "contract"
    return replace(release, incompatible_before=True) if contract else release


def _refuse_past_migration(settings: EnvironmentSettings, command: c.RequestRollout) -> None:
    left, hook = command.leaving, settings.pre_deploy
    if left is None or not left.incompatible_before or command.override_reason.strip():
        return
    if hook is None or not hook.down:
        detail = (
            f"nothing older runs after the contract migration of release {left.id}, and environment '{settings.name}' "
            "declares no way down (pre_deploy.down); give a reason to go back all the same"
        )
        raise Rejected("rollback-past-migration", detail)
