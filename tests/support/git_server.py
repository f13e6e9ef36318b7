"""The built-in git server on a real port, over a catalog in a dict and a log that can be taken away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvicorn
from fastapi import FastAPI, Request

from core.delivery import Delivery
from core.forges.builtin import BuiltinPush
from core.forges.urls import builtin_url
from core.ports import LogUnavailable
from gateway.errors import install_error_handlers
from gateway.git.reconcile import Reconciler
from gateway.git.repositories import Repositories
from gateway.git.router import git_router
from gateway.git.services import GitApp, GitServices, GitUser


class GitWorld:
    """`user` is who everybody is (None: a password is asked for); `deliveries` is what the log has."""

    def __init__(self, root: Path, max_push_bytes: int = 2 << 30) -> None:
        self.repositories = Repositories(root, max_push_bytes)
        self.repositories.prepare()
        self.apps: dict[str, GitApp] = {}
        self.user: GitUser | None = GitUser("mona", True, True)
        self.deliveries: list[BuiltinPush] = []
        self.ids: list[str] = []
        self.log_is_away = False
        self.refusals = 0
        self.lines: list[str] = ["first line", "last line"]
        self.hold = threading.Event()
        self.hold.set()
        self.followed = threading.Event()
        self.services = GitServices(
            repositories=self.repositories,
            authenticate=self._authenticate,
            find_app=self._find_app,
            create_app=self._create_app,
            set_default_branch=self._set_default_branch,
            deliver=self._deliver,
            new_id=lambda: f"id-{len(self.ids)}",
            progress=self,
        )
        self.reconciler = Reconciler(self.services)
        self.port = 0

    def url(self, app: str) -> str:
        return f"http://127.0.0.1:{self.port}/git/{app}.git"

    async def follow(self, app: str, deliveries: Sequence[Delivery]) -> AsyncIterator[str]:
        self.followed.set()
        for line in self.lines:
            yield line
        await asyncio.to_thread(self.hold.wait)

    async def _authenticate(self, request: Request) -> GitUser | None:
        return self.user

    async def _find_app(self, name: str) -> GitApp | None:
        return self.apps.get(name)

    async def _create_app(self, name: str, user: GitUser) -> None:
        self.apps[name] = GitApp(builtin_url(name), "main")

    async def _set_default_branch(self, name: str, branch: str, user: GitUser) -> None:
        self.apps[name] = self.apps[name]._replace(default_branch=branch)

    async def _deliver(self, push: BuiltinPush, delivery_id: str) -> Delivery:
        if self.log_is_away:
            self.refusals += 1
            raise LogUnavailable("no broker")
        self.deliveries.append(push)
        self.ids.append(delivery_id)
        return Delivery(
            delivery_id=delivery_id,
            forge="builtin",
            event="push",
            apps=(push.app,),
            received_at=datetime.now(UTC),
            body=msgspec.json.encode(push),
        )

    @contextmanager
    def serve(self) -> Iterator[None]:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            task = asyncio.create_task(self.reconciler.run())
            yield
            task.cancel()

        app = FastAPI(lifespan=lifespan)
        install_error_handlers(app)
        app.include_router(git_router(self.services, self.reconciler))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=5))
        started = threading.Event()
        main = server.startup

        async def startup(sockets: object = None) -> None:
            await main()
            self.port = server.servers[0].sockets[0].getsockname()[1]
            started.set()

        server.startup = startup  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            assert started.wait(10)
            yield
        finally:
            self.hold.set()
            server.should_exit = True
            thread.join()
