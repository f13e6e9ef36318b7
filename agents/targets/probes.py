"""Synthetic checks: one HTTP request to an instance, with assertions. A failed one is tried again a few times."""

import time
from collections.abc import Sequence

import httpx

from core.deployments.commands import ProbeResult
from core.environments.settings import Probe

PAUSE_SECONDS = 0.3
# Of a body, for a text that is looked for.
MAX_BODY_BYTES = 1 << 20


def run_probes(probes: Sequence[Probe], urls: Sequence[str]) -> tuple[ProbeResult, ...]:
    """Sends each probe to each of the URLs; a result for each of both."""
    if not probes:
        return ()
    with httpx.Client(verify=False, trust_env=False, follow_redirects=False) as client:
        return tuple(_tried(client, probe, url) for probe in probes for url in urls)


def _tried(client: httpx.Client, probe: Probe, url: str) -> ProbeResult:
    result = _once(client, probe, url)
    for _ in range(probe.attempts - 1):
        if result.ok:
            break
        time.sleep(PAUSE_SECONDS)
        result = _once(client, probe, url)
    return result


def _once(client: httpx.Client, probe: Probe, url: str) -> ProbeResult:
    began = time.monotonic()
    try:
        request = client.build_request(
            probe.method,
            f"{url}{probe.path}",
            headers=probe.headers,
            content=probe.body or None,
            timeout=probe.timeout_seconds,
        )
        answer = client.send(request, stream=True)
        body = _body(answer, began + probe.timeout_seconds)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        why = f"{probe.method} {url}{probe.path}: {error or type(error).__name__}"
        return ProbeResult(probe.name, False, _since(began), why)
    latency_ms = _since(began)
    wrong = _wrong(probe, answer.status_code, body, latency_ms / 1000)
    return ProbeResult(probe.name, not wrong, latency_ms, f"{probe.method} {url}{probe.path}: {wrong}" if wrong else "")


def _body(answer: httpx.Response, deadline: float) -> str:
    """Its beginning, and no more than comes in time: a server may trickle for ever."""
    read = b""
    try:
        for piece in answer.iter_bytes():
            read += piece
            if len(read) > MAX_BODY_BYTES:
                break
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer did not end in time")
    finally:
        answer.close()
    return read[:MAX_BODY_BYTES].decode(answer.encoding or "utf-8", "replace")


def _wrong(probe: Probe, status: int, body: str, seconds: float) -> str:
    """What was not as expected, or nothing."""
    if status != probe.expect_status:
        return f"expected status {probe.expect_status}, got {status}"
    if probe.expect_text and probe.expect_text not in body:
        return f"expected '{probe.expect_text[:100]}' in the answer, got '{body[:100]}'"
    if probe.max_latency_seconds is not None and seconds > probe.max_latency_seconds:
        return f"expected an answer within {probe.max_latency_seconds:g} s, got it after {seconds:.2f} s"
    return ""


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
