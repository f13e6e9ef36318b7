"""A POST to somebody else's URL: never longer than a time limit in all, no redirects, public addresses only.

The host's name is resolved once and the connection made to the very address that was judged, so a name that
changes its mind in between leads nowhere. Proxies of the environment are not used.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from agents.connectors.notifications.addresses import is_public
from agents.connectors.notifications.attempt import AttemptFailed, Outcome

TIMEOUT_SECONDS = 15.0
CONNECT_SECONDS = 5.0
SAID_BYTES = 1000
Resolve = Callable[[str, int], Awaitable[list[str]]]


class HttpPost:
    """`allow_private`: a setting, for receivers in one's own network. `tls` and `resolve` are replaced in tests."""

    def __init__(
        self,
        user_agent: str,
        allow_private: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._allow_private = allow_private
        self._timeout_seconds = timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._resolve = resolve or _addresses

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        """What the endpoint answered. Raises AttemptFailed where there is no answer."""
        return asyncio.run(self._within_time(url, headers, body))

    async def _within_time(self, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(_parsed(url), headers, body)
        except TimeoutError as error:
            detail = f"no answer within {self._timeout_seconds:g} s"
            raise AttemptFailed("timeout", detail) from error

    async def _post(self, url: httpx.URL, headers: dict[str, str], body: bytes) -> Outcome:
        addresses = await self._allowed(url)
        own = {"Host": url.netloc.decode(), "User-Agent": self._user_agent, "Accept-Encoding": "identity"}
        timeout = httpx.Timeout(self._timeout_seconds, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=timeout) as client:
            requests = [
                client.build_request(
                    "POST",
                    url.copy_with(host=address),
                    headers=own | headers,
                    content=body,
                    extensions={"sni_hostname": url.host},
                )
                for address in addresses
            ]
            try:
                answer = await _first_answer(client, requests)
            except httpx.TransportError as error:
                raise _no_answer(url.host, error) from error
            try:
                return await _judged(answer)
            finally:
                await answer.aclose()

    async def _allowed(self, url: httpx.URL) -> list[str]:
        """The addresses of the host, all of which may be posted to."""
        try:
            found = await self._resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
        except OSError as error:
            raise AttemptFailed("host-unknown", f"{url.host} has no address: {error}") from error
        private = [] if self._allow_private else [address for address in found if not is_public(address)]
        if private:
            detail = (
                f"{url.host} is {private[0]}, which is no address of the public internet; "
                "SEALANE_NOTIFY_PRIVATE_ADDRESSES=true allows it"
            )
            raise AttemptFailed("address-private", detail, final=True)
        return found


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise AttemptFailed("url-invalid", f"the URL can't be used: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise AttemptFailed("url-invalid", "the URL must begin with http:// or https:// and name a host")
    return parsed


async def _addresses(host: str, port: int) -> list[str]:
    """Raises OSError."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(each[4][0]) for each in found))


async def _first_answer(client: httpx.AsyncClient, requests: list[httpx.Request]) -> httpx.Response:
    """One request for each address; a later one is tried where no connection to the earlier ones comes about."""
    *others, last = requests
    for request in others:
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return await client.send(last, stream=True)


def _no_answer(host: str, error: httpx.TransportError) -> AttemptFailed:
    if isinstance(error, httpx.TimeoutException):
        return AttemptFailed("timeout", f"{host} did not answer in time")
    words = str(error) or type(error).__name__
    code = "tls-failed" if "CERTIFICATE" in words or "SSL" in words else "connection-failed"
    return AttemptFailed(code, f"{host}: {words}")


async def _judged(answer: httpx.Response) -> Outcome:
    status = answer.status_code
    if 200 <= status < 300:
        return Outcome(True, status)
    said = await _said(answer)
    if 300 <= status < 400:
        where = answer.headers.get("location", "")
        return Outcome(False, status, "redirected", f"redirects are not followed; it points to {where[:300]}")
    detail = f"answered {status}: {said}" if said else f"answered {status}"
    return Outcome(
        False,
        status,
        "gone" if status == 410 else f"status-{status}",
        detail,
        gone=status == 410,
        retry_after_seconds=_retry_after(answer.headers.get("retry-after", "")),
    )


async def _said(answer: httpx.Response) -> str:
    """The beginning of the body, for people; a body that breaks off says what it said so far."""
    said = b""
    try:
        async for chunk in answer.aiter_raw():
            said += chunk
            if len(said) >= SAID_BYTES:
                break
    except httpx.TransportError:
        pass
    return said[:SAID_BYTES].decode(errors="replace").strip()


def _retry_after(text: str) -> float | None:
    """Seconds, or a date; None for anything else."""
    if text.strip().isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
