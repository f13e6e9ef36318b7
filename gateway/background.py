"""The gateway's background work: begins and ends with the app, and begins again where it fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from gateway.state import GatewayState

_log = logging.getLogger("sealane.gateway")


def lifespan_of(gateway: GatewayState) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        works: tuple[Callable[[], Awaitable[None]], ...] = (gateway.hub.run, *gateway.services.background)
        tasks = [asyncio.ensure_future(_kept_up(work)) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await gateway.log_tail.close()
            await gateway.logs.gaps.close()

    return lifespan


async def _kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Background work that fails is said and begun again."""
    while True:
        try:
            await work()
            return
        except Exception:
            _log.exception("background work failed and starts over")
            await asyncio.sleep(1.0)
