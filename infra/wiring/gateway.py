"""The gateway process: its services from the settings, and uvicorn around it."""

import asyncio
import base64
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache

import uvloop
from fastapi import APIRouter, FastAPI, Request

from core.catalog.commands import APP_COMMANDS, CreateApp, UpdateApp
from core.delivery import Delivery
from core.eventlog.envelope import Position, Stream
from core.eventlog.routing import make_command
from core.eventlog.topics import EVENTS_TOPICS
from core.forges.builtin import BuiltinPush
from core.forges.urls import builtin_url
from core.ids import derived_id, trace_id
from core.ports import TopicPartition
from gateway.app import create_app
from gateway.approval_links import LinkSigner
from gateway.auth import Authenticator, Principal, bootstrap_admin, hash_token
from gateway.decisions import refusal
from gateway.errors import ApiError
from gateway.git.access import from_this_machine
from gateway.git.progress import ViewProgress
from gateway.git.reconcile import Reconciler
from gateway.git.repositories import Repositories
from gateway.git.router import git_router
from gateway.git.services import GitApp, GitServices, GitUser
from gateway.realtime.agent_hub import AgentHub
from gateway.realtime.agent_socket import agent_router
from gateway.services import GatewayServices, GatewaySettings, Redelivered
from gateway.state import GatewayState
from gateway.version import VERSION
from gateway.webhooks.deliveries import deliver_builtin, redeliver
from gateway.webhooks.known_apps import KnownApps
from gateway.webhooks.router import webhooks_router
from gateway.webhooks.services import WebhookServices
from infra.clock import SystemClock
from infra.kafka.async_producer import KafkaAsyncProducer
from infra.kafka.command_bus import LogCommandBus
from infra.kafka.reader import KafkaLogReader
from infra.kafka.tail import LogEventTail
from infra.keys import InstallationKey
from infra.postgres.reading import open_read_side
from infra.settings import Settings
from infra.wiring.parts import IDLE_FETCH_MS, cluster_admin, kafka, log_reader, object_store, repositories_root
from infra.wiring.server import GatewayServer
from projections.queries import apps as app_queries
from projections.queries.deliveries import delivery_results, get_delivery
from projections.queries.principals import get_principal, token_owner
from projections.queries.run_detail import run_detail
from projections.queries.runs import correlation_of_run


def serve_gateway(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    wired = GatewayWiring(settings)
    try:
        await GatewayServer(wired.app(), wired.closing, settings.host, settings.port).serve_until_told()
    finally:
        await wired.close()


class GatewayWiring:
    """Constructs everything the gateway needs, on the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topology = settings.topology
        self._clock = SystemClock()
        self._key = InstallationKey.load_or_create(settings.data_path)
        self._db = open_read_side(settings.database_url)
        self._producer = KafkaAsyncProducer(kafka(settings))
        self._log_producer = KafkaAsyncProducer(kafka(settings), "sealane-gateway-logs", timeout_seconds=None)
        partitions = [TopicPartition(topic, n) for topic in EVENTS_TOPICS for n in range(self._topology.partitions)]
        self._tail = LogEventTail(
            lambda: KafkaLogReader(kafka(settings), "sealane-gateway-tail", fetch_wait_ms=IDLE_FETCH_MS), partitions
        )
        self._cluster = cluster_admin(settings)
        self._bus = LogCommandBus(self._topology, self._producer, self._tail)
        self._authenticator = Authenticator(self._owner, self._clock, self._bootstrap())
        known_apps = KnownApps(lambda urls: app_queries.apps_by_repository(self._db, urls), time.monotonic)
        self._tail.listen(lambda item: known_apps.see(item.event))
        self._webhooks = WebhookServices(
            topology=self._topology,
            producer=self._producer,
            apps_by_repository=known_apps.by_repository,
            # Asked at every delivery; names are short.
            webhook_secret=lru_cache(1024)(self._key.webhook_secret),
            clock=self._clock,
            new_id=lambda: secrets.token_hex(16),
        )
        self._state: GatewayState | None = None

    def app(self) -> FastAPI:
        repositories = Repositories(repositories_root(self._settings))
        repositories.prepare()
        git = self._git_services(repositories)
        reconciler = Reconciler(git)
        hub = AgentHub(
            self._bus,
            self._log_producer,
            self._tail,
            self._topology,
            self._clock,
            lambda: secrets.token_hex(8),
            lambda run: correlation_of_run(self._db, run),
            self._settings.max_log_bytes,
        )
        routers = (
            webhooks_router(self._webhooks),
            git_router(git, reconciler),
            agent_router(hub, self._authenticator.authenticate_agent, self._topology.regions),
        )
        app = create_app(self._services(routers, (hub.run, reconciler.run)), self._authenticator)
        self._state = app.state.gateway
        return app

    @property
    def closing(self) -> asyncio.Event:
        return self._gateway.closing

    async def close(self) -> None:
        await asyncio.gather(self._tail.close(), self._producer.close(), self._log_producer.close())
        await self._db.close()

    def _services(
        self, routers: tuple[APIRouter, ...], background: tuple[Callable[[], Awaitable[None]], ...]
    ) -> GatewayServices:
        return GatewayServices(
            settings=GatewaySettings(public_url=self._settings.url, version=VERSION),
            topology=self._topology,
            clock=self._clock,
            random_text=lambda length: secrets.token_urlsafe(length)[:length],
            bus=self._bus,
            tail=self._tail,
            cluster=self._cluster,
            db=self._db,
            objects=object_store(self._settings),
            log_readers=lambda: log_reader(self._settings, "sealane-log-viewer"),
            webhook_secret=self._key.webhook_secret,
            signing_key=self._key.signing_key,
            links=LinkSigner(self._key.derive("approval-links")),
            person=self._person,
            redeliver=self._redeliver,
            checks={"kafka": self._ask_kafka, "postgres": self._ask_postgres},
            routers=routers,
            background=background,
        )

    def _bootstrap(self) -> dict[str, Principal]:
        """The first administrator and the local agents, known by the installation's key."""
        agents = {
            hash_token(self._key.agent_token(region)): Principal("local-agent", ("agent",), (), (f"{region}/default",))
            for region in self._topology.regions
        }
        return bootstrap_admin(self._key.admin_token) | agents

    async def _person(self, name: str, token_id: str) -> Principal | None:
        if not token_id:
            return next((known for known in self._bootstrap().values() if known.name == name), None)
        found = await get_principal(self._db, name)
        if found is None or not any(token.id == token_id and token.revoked_at is None for token in found.tokens):
            return None
        return Principal(found.name, tuple(found.roles), found.groups)  # type: ignore[arg-type]

    async def _owner(self, token_hash: str) -> Principal | None:
        owner = await token_owner(self._db, token_hash)
        if owner is None or owner.revoked_at is not None:
            return None
        return Principal(
            owner.principal,
            tuple(owner.roles),  # type: ignore[arg-type]
            owner.groups,
            owner.pools,
            owner.token_id,
            owner.expires_at,
        )

    async def _ask_kafka(self) -> None:
        await self._producer.reach()
        await self._tail.ready()

    async def _ask_postgres(self) -> None:
        await app_queries.get_app(self._db, "-")

    async def _redeliver(self, delivery_id: str, actor: str) -> Redelivered:
        found = await get_delivery(self._db, delivery_id)
        if found is None:
            raise ApiError(404, "delivery-unknown", f"There is no delivery '{delivery_id}'.")
        original = Delivery(
            delivery_id=found.id,
            forge=found.forge,  # type: ignore[arg-type]
            event=found.event,
            apps=found.apps,
            received_at=found.received_at,
            body=found.body,
            headers=found.headers,
            redelivery_of=found.redelivery_of or "",
        )
        again = await redeliver(self._webhooks, original)
        return Redelivered(again.delivery_id, "")

    def _git_services(self, repositories: Repositories) -> GitServices:
        return GitServices(
            repositories=repositories,
            authenticate=self._git_user,
            find_app=self._find_app,
            create_app=self._create_app,
            set_default_branch=self._set_default_branch,
            deliver=self._deliver,
            new_id=lambda: secrets.token_hex(16),
            progress=ViewProgress(
                watch=lambda stream: self._gateway.hub.watch(stream),
                results=lambda delivery: delivery_results(self._db, delivery),
                run=lambda run: run_detail(self._db, run),
                caught_up=self._caught_up,
                closing=lambda: self._gateway.closing,
                public_url=self._settings.url,
            ),
        )

    @property
    def _gateway(self) -> GatewayState:
        assert self._state is not None
        return self._state

    async def _caught_up(self, position: Position) -> None:
        try:
            await self._gateway.gate.wait_for(position, 5.0)
        except ApiError:
            return  # The views lag; what they have is shown, and the next change is waited for.

    async def _deliver(self, push: BuiltinPush, delivery_id: str) -> Delivery:
        return await deliver_builtin(self._webhooks, push, delivery_id)

    async def _git_user(self, request: Request) -> GitUser | None:
        """A token as the password; without one, anybody on this machine where the installation is open."""
        token = _password(request.headers.get("authorization", ""))
        if token:
            principal = await self._authenticator.authenticate(token)
            may_push = principal.allows("developer")
            return GitUser(principal.name, may_push, principal.allows("admin"))
        local = self._settings.open_git and from_this_machine(request)
        return GitUser("local", True, True) if local else None

    async def _find_app(self, name: str) -> GitApp | None:
        app = await app_queries.get_app(self._db, name)
        return GitApp(app.repository_url, app.default_branch) if app else None

    async def _create_app(self, name: str, user: GitUser) -> None:
        command = CreateApp(name=name, repository_url=builtin_url(name), region=self._topology.home_region)
        await self._change_app(name, command, user, tolerated="app-exists")

    async def _set_default_branch(self, name: str, branch: str, user: GitUser) -> None:
        await self._change_app(name, UpdateApp(default_branch=branch), user)

    async def _change_app(self, name: str, command: CreateApp | UpdateApp, user: GitUser, tolerated: str = "") -> None:
        command_id = derived_id("git", secrets.token_hex(16))
        envelope = make_command(
            command_id=command_id,
            stream=Stream("app", name),
            region=self._topology.home_region,
            command=command,
            catalogue=APP_COMMANDS,
            actor=user.name,
            correlation_id=trace_id(command_id),
            causation_id=command_id,
            issued_at=self._clock.now(),
            wants_reply=True,
        )
        decision = await self._bus.execute(envelope)
        if not decision.accepted and decision.code != tolerated:
            raise refusal(decision)
        await self._caught_up(decision.position)


def _password(authorization: str) -> str:
    """The password of a Basic header; empty without one, or where it can't be read."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
