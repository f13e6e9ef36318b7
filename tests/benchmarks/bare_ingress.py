"""The limit of row 4: an endpoint that checks an HMAC and awaits one produce, and does nothing else.

`python -m tests.benchmarks.bare_ingress BOOTSTRAP PORT SECRET`, under the same HTTP server and loop as the gateway.
"""

import hashlib
import hmac
import sys
from typing import Any

import uvicorn

from core.eventlog.topics import WEBHOOKS_TOPIC
from core.ports import OutgoingRecord
from infra.kafka.async_producer import KafkaAsyncProducer
from infra.kafka.connection import Connection

_ANSWER = b'{"status":"accepted"}'


class Bare:
    """An ASGI app."""

    def __init__(self, bootstrap: str, secret: str) -> None:
        self._secret = secret.encode()
        self._producer = KafkaAsyncProducer(Connection(bootstrap), "bare")

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = dict(scope["headers"])
        expected = hmac.new(self._secret, body, hashlib.sha256).hexdigest().encode()
        right = hmac.compare_digest(headers.get(b"x-hub-signature-256", b"")[7:], expected)
        if right:
            await self._producer.send(OutgoingRecord(WEBHOOKS_TOPIC, 0, headers[b"x-github-delivery"], body))
        await send(
            {
                "type": "http.response.start",
                "status": 202 if right else 401,
                "headers": [(b"content-length", b"%d" % len(_ANSWER))],
            }
        )
        await send({"type": "http.response.body", "body": _ANSWER})


def main(bootstrap: str, port: str, secret: str) -> None:
    uvicorn.run(Bare(bootstrap, secret), host="127.0.0.1", port=int(port), log_config=None, lifespan="off")


if __name__ == "__main__":
    main(*sys.argv[1:])
