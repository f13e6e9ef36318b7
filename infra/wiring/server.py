"""uvicorn as the gateway needs it: streams are told to end before they are waited for, and heads have a bound."""

import asyncio
import signal
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
# Longer than clients and load balancers keep a quiet connection (5 and 60 s are usual): whoever closes one while the
# other begins a request on it makes a failure that nobody is to blame for.
KEPT_IDLE_SECONDS = 75


class GatewayServer(uvicorn.Server):
    """WebSockets are closed with 1012 (service restart)."""

    def __init__(self, app: FastAPI, closing: asyncio.Event, host: str, port: int) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            http=BoundedHttp,
            ws="websockets-sansio",
            ws_max_size=16 << 20,
            timeout_keep_alive=KEPT_IDLE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._closing = closing

    async def serve_until_told(self) -> None:
        """Until SIGTERM or SIGINT, of which uvicorn would raise one more that ends the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        await self.serve()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)


class BoundedHttp(HttpToolsProtocol):
    """httptools itself takes headers (and trailers) without end, and slower the longer they are."""

    _unfinished_bytes = 0

    def data_received(self, data: bytes) -> None:
        self._unfinished_bytes += len(data)
        super().data_received(data)
        if self._unfinished_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The headers of a request may have {MAX_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        self._unfinished_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unfinished_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unfinished_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unfinished_bytes = 0
        super().on_message_complete()
