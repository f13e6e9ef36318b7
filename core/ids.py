"""Identifiers: deterministic, so that a retry makes the same id, and readable, so that people can say them.

Nothing here draws randomness; what must be unpredictable (tokens) is made in the gateway.
"""

import hashlib
import uuid

_NAMESPACE = uuid.UUID("6f1d7d52-5f0e-5f6e-9a59-5ea1a9e00001")
_NAMESPACE_BYTES = _NAMESPACE.bytes
# The two highest bits of this digit say that it is a uuid as RFC 9562 has it.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def derived_id(*parts: str | int) -> str:
    """A uuid5 of the parts, as 36 characters. Equal parts give equal ids, everywhere and always.

    Made once per event, and uuid.uuid5() takes more than twice as long to the same result.
    """
    text = "\x1f".join(map(str, parts)).encode()
    h = hashlib.sha1(_NAMESPACE_BYTES + text, usedforsecurity=False).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def run_id(region: str, app: str, trigger_id: str) -> str:
    """`<region>-<16 hex digits>`: the region is part of the id, so whoever holds it can address the run."""
    return f"{region}-{derived_id('run', app, trigger_id).replace('-', '')[:16]}"


def rollout_id(region: str, app: str, number: int) -> str:
    """`<region>-<16 hex digits>`, as a run's id."""
    return f"{region}-{derived_id('rollout', app, number).replace('-', '')[:16]}"


def deployment_id(region: str, rollout: str, attempt: int) -> str:
    """`<region>-<16 hex digits>`, where `region` is the one that is deployed to; `attempt` counts in the rollout."""
    return f"{region}-{derived_id('deployment', rollout, region, attempt).replace('-', '')[:16]}"


def region_of_run(run: str) -> str:
    """The region a run (rollout, deployment) lives in. Raises ValueError for a text that is no such id."""
    region, _, digits = run.rpartition("-")
    if not region or len(digits) != 16:
        raise ValueError(f"'{run}' is not a run id (expected <region>-<16 hex digits>)")
    return region


def attempt_key(run: str, job: str, attempt: int) -> str:
    """`<run>/<job>/<attempt>`: names one execution of one job; the key of its log."""
    return f"{run}/{job}/{attempt}"


def split_attempt_key(key: str) -> tuple[str, str, int]:
    """The three parts of an attempt key. Raises ValueError for anything else."""
    run, job, attempt = key.split("/")
    return run, job, int(attempt)


def stage_key(run: str, stage: str, round_: int) -> str:
    """`<run>/<stage>/<round>`: names a stage of a run as the owner of an environment's lock."""
    return f"{run}/{stage}/{round_}"


def split_stage_key(owner: str) -> tuple[str, str, int] | None:
    """The three parts of a stage's key; None for another owner of a lock, a deployment."""
    if "/" not in owner:
        return None
    run, stage, round_ = owner.split("/")
    return run, stage, int(round_)


def trace_id(seed: str) -> str:
    """32 hex digits, a W3C trace id: the correlation id of everything one trigger sets off."""
    return hashlib.sha256(seed.encode()).hexdigest()[:32]
