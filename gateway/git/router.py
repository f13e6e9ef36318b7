"""`/git/<app>.git`: clone, fetch and push with any git client, nothing else of a repository can be reached."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.forges.urls import builtin_app
from gateway.errors import ApiError
from gateway.git.backend import CgiCall, CgiResponse
from gateway.git.push import Push
from gateway.git.reconcile import Reconciler
from gateway.git.repositories import APP_NAME
from gateway.git.services import GitApp, GitServices, GitUser

Service = Literal["git-upload-pack", "git-receive-pack"]
_PROTOCOL = re.compile(r"[A-Za-z0-9=:._-]{1,100}")
_log = logging.getLogger(__name__)


def git_router(services: GitServices, reconciler: Reconciler) -> APIRouter:
    """The routes. `reconciler.run` must run as a background task beside them."""
    routes = _Routes(services, reconciler)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/git/{app}.git/info/refs", routes.advertise, methods=["GET"])
    router.add_api_route("/git/{app}.git/git-upload-pack", routes.fetch, methods=["POST"])
    router.add_api_route("/git/{app}.git/git-receive-pack", routes.push, methods=["POST"])
    return router


class _Routes:
    def __init__(self, services: GitServices, reconciler: Reconciler) -> None:
        self._services = services
        self._reconciler = reconciler
        self._fetches = asyncio.Semaphore(services.max_fetches)
        self._pushes = 0

    async def advertise(self, app: str, request: Request) -> Response:
        """Which branches and tags there are. An app that a push would make has none yet."""
        service = request.query_params.get("service", "")
        if service not in ("git-upload-pack", "git-receive-pack"):
            raise ApiError(403, "git-client-too-old", "This server speaks git's smart HTTP protocol only.")
        user, known = await self._enter(app, request, pushes=service == "git-receive-pack")
        repositories = self._services.repositories
        path = repositories.path(app) if repositories.exists(app) else repositories.empty()
        if known is None and service == "git-upload-pack":
            raise _not_found(app)
        return CgiResponse(self._call(request, path, "info/refs", user))

    async def fetch(self, app: str, request: Request) -> Response:
        user, known = await self._enter(app, request, pushes=False)
        repositories = self._services.repositories
        if known is None:
            raise _not_found(app)
        path = repositories.path(app) if repositories.exists(app) else repositories.empty()
        return _Limited(self._fetches, CgiResponse(self._call(request, path, "git-upload-pack", user)))

    async def push(self, app: str, request: Request) -> Response:
        user, known = await self._enter(app, request, pushes=True)
        if self._pushes >= self._services.max_pushes:
            detail = f"{self._pushes} pushes are going on; try again in a moment."
            raise ApiError(503, "too-many-pushes", detail, {"Retry-After": "5"})
        if known is None:
            await self._services.create_app(app, user)
            known = await self._services.find_app(app)
        self._services.repositories.create(app, known.default_branch if known else "main")
        return _Pushing(self, app, user, request)

    @asynccontextmanager
    async def pushing(self, app: str, user: GitUser) -> AsyncIterator[Push]:
        """A push from its first byte to the last word of its run."""
        self._pushes += 1
        try:
            with self._reconciler.pushing(app):
                push = Push(self._services, app, user)
                try:
                    yield push
                finally:
                    await push.finished()
        finally:
            self._pushes -= 1
        # Not only of this push: one before it may have been taken while the log was away.
        await self._reconciler.look_after(app)

    async def _enter(self, app: str, request: Request, pushes: bool) -> tuple[GitUser, GitApp | None]:
        """Who it is and what the app is, after all that can be refused was refused."""
        user = await self._services.authenticate(request)
        if user is None:
            detail = "This repository needs a password: any user name, and a token (sl_...) as the password."
            raise ApiError(401, "token-missing", detail, {"WWW-Authenticate": 'Basic realm="sealane", charset="UTF-8"'})
        if not APP_NAME.fullmatch(app) or app.endswith((".git", ".lock")) or ".." in app:
            raise ApiError(404, "app-name-invalid", f"'{app[:100]}' can't be the name of an app.")
        if pushes and not user.may_push:
            raise ApiError(403, "role-missing", f"Pushing needs the role 'developer'; {user.name} doesn't have it.")
        known = await self._services.find_app(app)
        if known is not None and builtin_app(known.repository_url) != app:
            detail = f"App '{app}' is built from {known.repository_url}; push there."
            raise ApiError(409, "repository-elsewhere", detail)
        if known is None and pushes and not user.may_create:
            raise _not_found(app)
        return user, known

    def _call(self, request: Request, repository: Path, path: str, user: GitUser, push: Push | None = None) -> CgiCall:
        repositories = self._services.repositories
        environment = repositories.environment() | _cgi_environment(request, repository, path, user)
        if push is not None:
            environment |= push.environment
        fds = push.fds if push is not None else ()
        command = repositories.command("http-backend")
        return CgiCall(command, environment, repositories.root, fds, outlives_client=push is not None)


class _Pushing(Response):
    """receive-pack with a Push beside it."""

    def __init__(self, routes: _Routes, app: str, user: GitUser, request: Request) -> None:
        super().__init__()
        self._routes = routes
        self._app = app
        self._user = user
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._routes._services.repositories.path(self._app)
        async with self._routes.pushing(self._app, self._user) as push:
            call = self._routes._call(self._request, path, "git-receive-pack", self._user, push)
            await CgiResponse(call, push.started, push.abandon)(scope, receive, send)


class _Limited(Response):
    """At most so many at a time; the others wait."""

    def __init__(self, places: asyncio.Semaphore, response: CgiResponse) -> None:
        super().__init__()
        self._places = places
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._places:
            await self._response(scope, receive, send)


def _cgi_environment(request: Request, repository: Path, path: str, user: GitUser) -> dict[str, str]:
    """RFC 3875, as far as git http-backend asks for it. Lengths are left out of chunked bodies."""
    headers = request.headers
    environment = {
        "GIT_PROJECT_ROOT": str(repository.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.name}/{path}",
        "QUERY_STRING": request.url.query,
        "REQUEST_METHOD": request.method,
        "REMOTE_USER": user.name,
        "REMOTE_ADDR": request.client.host if request.client else "",
        "CONTENT_TYPE": headers.get("content-type", ""),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
    }
    if _PROTOCOL.fullmatch(headers.get("git-protocol", "")):
        environment["HTTP_GIT_PROTOCOL"] = headers["git-protocol"]
    if headers.get("content-length", "").isdecimal():
        environment["CONTENT_LENGTH"] = headers["content-length"]
    return environment


def _not_found(app: str) -> ApiError:
    return ApiError(404, "app-unknown", f"There is no app '{app}'. `git push` makes it where the token may do that.")
