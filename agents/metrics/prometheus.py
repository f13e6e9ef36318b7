"""A Prometheus (or what speaks its HTTP API) as a source: every check is an instant query whose answer is one number.

Whatever else it says is an error with its reason: several series, a refusal, a warning that the answer is not whole.
What it answered is never quoted where it is not Prometheus' own words: the URL may be anybody's server.
"""

import asyncio
import json
import math
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from agents.metrics.base import BASELINE_SUFFIX, Answer, Counted, MeasureRequest, failed, measurement
from core.analysis.queries import QueryError, builtin, duration, fill, requests_so_far, variables_of
from core.deployments.commands import Measurement
from core.environments.settings import Check

MAX_ANSWER_BYTES = 1 << 20
_MAX_WORDS = 300
# Newer servers put remarks on style among the warnings; they say nothing against the answer.
_REMARK = "PromQL info"


class Prometheus:
    """A MetricsSource. `url` is the server's, as http://prometheus:9090 (a path before /api is kept)."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._name, self._problem = _looked_at(self._url)

    def measure(self, request: MeasureRequest) -> tuple[Measurement, ...]:
        return failed(request, self._problem) if self._problem else asyncio.run(self._measure(request))

    def counted(self, request: MeasureRequest) -> Counted:
        return Counted() if self._problem else asyncio.run(self._counted(request))

    async def _measure(self, request: MeasureRequest) -> tuple[Measurement, ...]:
        async with _Asking(self._url, self._name, request.timeout_seconds) as asking:
            return tuple(await asyncio.gather(*(self._check(asking, request, check) for check in request.checks)))

    async def _check(self, asking: "_Asking", request: MeasureRequest, check: Check) -> Measurement:
        try:
            query = check.query or builtin(check.metric)
            asked = [fill(query, _values(request, request.canary))]
            if request.baseline and variables_of(query) & {"version", "set"}:
                asked.append(fill(query, _values(request, request.baseline)))
        except QueryError as error:
            return measurement(check, Answer(error=str(error)), None)
        answers = await asyncio.gather(*map(asking.ask, asked))
        return measurement(check, answers[0], answers[1] if len(answers) > 1 else None)

    async def _counted(self, request: MeasureRequest) -> Counted:
        values = _values(request, request.canary)
        async with _Asking(self._url, self._name, request.timeout_seconds) as asking:
            queries = (fill(builtin("requests"), values), fill(requests_so_far(), values))
            in_window, total = await asyncio.gather(*map(asking.ask, queries))
        return Counted(_whole(in_window), _whole(total))


class _Asking:
    """The queries of one sample, side by side, all within one time."""

    def __init__(self, url: str, name: str, seconds: float) -> None:
        self._url = f"{url}/api/v1/query"
        self._name = name
        self._seconds = seconds
        self._client = httpx.AsyncClient(timeout=seconds, follow_redirects=False)

    async def __aenter__(self) -> "_Asking":
        self._ends = asyncio.get_running_loop().time() + self._seconds
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.aclose()

    async def ask(self, query: str) -> Answer:
        try:
            async with asyncio.timeout_at(self._ends):
                status, body = await self._post({"query": query, "timeout": f"{math.ceil(self._seconds)}s"})
        except TimeoutError:
            return Answer(error=f"{self._name} did not answer within {self._seconds:g} s")
        except httpx.HTTPError as error:
            return Answer(error=f"{self._name} can't be asked: {str(error) or type(error).__name__}")
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("status") not in ("success", "error"):
            return Answer(error=f"{self._name} answered {status} with something that is not Prometheus' JSON")
        return _judge(answer, self._name)

    async def _post(self, form: dict[str, str]) -> tuple[int, bytes]:
        """The status and as much of the body as a single number can take."""
        async with self._client.stream("POST", self._url, data=form) as answer:
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    break
        return answer.status_code, bytes(body)


def _judge(answer: dict[str, Any], name: str) -> Answer:
    """An answer in Prometheus' own words: {status, data: {resultType, result}, errorType, error, warnings}."""
    if answer["status"] == "error":
        return Answer(error=f"{name} refused: {_words(answer.get('error'))} ({_words(answer.get('errorType'))})")
    warnings = [each for each in answer.get("warnings") or () if not str(each).startswith(_REMARK)]
    if warnings:
        return Answer(error=f"{name} warns that the answer may not be whole: {_words(warnings[0])}")
    try:
        kind, result = answer["data"]["resultType"], answer["data"]["result"]
        return _number(kind, result)
    except (LookupError, TypeError, ValueError):
        return Answer(error=f"{name} answered with data that can't be understood")


def _number(kind: str, result: Any) -> Answer:
    if kind == "scalar":
        return Answer.of(float(result[1]))
    if kind != "vector":
        return Answer(error=f"the query's answer is a {_words(kind)}; it must be one number")
    if len(result) > 1:
        return Answer(error=f"the query answers with {len(result)} series; make them one, as with sum()")
    return Answer.of(float(result[0]["value"][1])) if result else Answer(detail="the answer is empty")


def _values(request: MeasureRequest, set_name: str) -> dict[str, str]:
    return {
        **request.place._asdict(),
        "version": set_name.removesuffix(BASELINE_SUFFIX),
        "baseline": request.baseline.removesuffix(BASELINE_SUFFIX),
        "set": set_name,
        "window": duration(request.window_seconds),
    }


def _whole(answer: Answer) -> int | None:
    return None if answer.value is None else round(answer.value)


def _words(text: object) -> str:
    return str(text)[:_MAX_WORDS]


def _looked_at(url: str) -> tuple[str, str]:
    """The URL as it may be shown, without a password; and what is wrong with it, if something is."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0:
            return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), ""
        reason = "it must be http(s)://<host>"
    except ValueError as error:
        reason = str(error)
    return "", f"the analysis' source is no URL of a Prometheus: {reason}"
