"""Commit statuses against an HTTP server that takes them as GitHub, GitLab and Gitea document it."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agents.connectors.base import Later, Work
from agents.connectors.commit_status import ATTEMPTS, CommitStatus, RunFacts
from agents.connectors.forge_status import Api
from agents.connectors.metrics import ConnectorMetrics
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import encode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import events_topic
from core.pipeline.plan import Plan
from core.ports import Record
from core.runs.events import EVENTS, RunFinished, RunPlanned, RunStarted

RUN = "us-east-0123456789abcdef"
COMMIT = "b" * 40
PLANNED = RunPlanned(
    app="shop", plan=Plan("shop", ()), commit=COMMIT, title="", author="", default_branch=True, round=1
)


class Forge:
    """Records what is posted; answers with the statuses it is told to, the last one for ever."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answers: list[tuple[int, str]] = [(201, "{}")]
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                forge.posts.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, text = forge.answers.pop(0) if len(forge.answers) > 1 else forge.answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def forge() -> Iterator[Forge]:
    made = Forge()
    yield made
    made.close()


def connector(forge: Forge, name: str = "github", metrics: ConnectorMetrics | None = None) -> CommitStatus:
    facts = RunFacts("shop", 12, name, "git@forge.example.com:Acme/Shop.git", COMMIT)
    known = {RUN: facts}
    return CommitStatus(
        known.get, {name: Api(forge.url, "secret")}, "http://sealane.example.com", metrics or ConnectorMetrics()
    )


def work(status: CommitStatus, message: Message, run: str = RUN) -> Work | None:
    envelope = EventEnvelope(
        event_id="e",
        type=message.TYPE,
        schema_version=message.VERSION,
        stream=f"run/{run}",
        stream_version=1,
        recorded_at=datetime(2026, 11, 20, tzinfo=UTC),
        region="us-east",
        actor="somebody",
        correlation_id="c",
        causation_id="x",
        chain="",
        data=EVENTS.encode(message),
    )
    return status.work(Record(events_topic("runs"), 0, 0, None, encode_event(envelope)))


def post(status: CommitStatus, message: Message, attempt: int = 1) -> object:
    found = work(status, message)
    assert found is not None
    return found.run(attempt)


def finished(outcome: str) -> RunFinished:
    return RunFinished(app="shop", outcome=outcome, round=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "path", "header", "context"),
    [
        ("github", f"/repos/Acme/Shop/statuses/{COMMIT}", ("authorization", "Bearer secret"), "context"),
        ("gitea", f"/api/v1/repos/Acme/Shop/statuses/{COMMIT}", ("authorization", "token secret"), "context"),
        ("gitlab", f"/api/v4/projects/Acme%2FShop/statuses/{COMMIT}", ("private-token", "secret"), "name"),
    ],
)
def test_planned_run_is_pending_at_its_forge(
    forge: Forge, name: str, path: str, header: tuple[str, str], context: str
) -> None:
    assert post(connector(forge, name), PLANNED) == ()
    ((where, headers, body),) = forge.posts
    assert where == path
    assert headers[header[0]] == header[1]
    assert (body["state"], body[context]) == ("pending", "sealane/shop")
    assert body["target_url"] == f"http://sealane.example.com/runs/{RUN}"


@pytest.mark.parametrize(
    ("name", "outcome", "state"),
    [
        ("github", "success", "success"),
        ("github", "failure", "failure"),
        ("github", "invalid", "error"),
        ("github", "cancelled", "error"),
        ("gitlab", "failure", "failed"),
        ("gitlab", "cancelled", "canceled"),
        ("gitea", "error", "error"),
    ],
)
def test_end_of_a_run_is_told_in_the_forges_words(forge: Forge, name: str, outcome: str, state: str) -> None:
    assert post(connector(forge, name), finished(outcome)) == ()
    assert forge.posts[0][2]["state"] == state


def test_ignored_run_and_other_events_say_nothing(forge: Forge) -> None:
    status = connector(forge)
    assert post(status, finished("ignored")) == ()
    assert work(status, RunStarted(round=1)) is None
    assert forge.posts == []


def test_without_a_token_nothing_is_even_looked_at(forge: Forge) -> None:
    status = CommitStatus(lambda run: None, {"github": Api(forge.url, "")}, "", ConnectorMetrics())
    assert work(status, PLANNED) is None


def test_forge_that_is_busy_is_asked_again_later_and_not_for_ever(forge: Forge) -> None:
    forge.answers = [(503, "busy")]
    metrics = ConnectorMetrics()
    status = connector(forge, metrics=metrics)
    assert post(status, PLANNED, 1) == Later(1.0)
    assert post(status, PLANNED, 4) == Later(8.0)
    assert post(status, PLANNED, ATTEMPTS) == ()
    labels = {"connector": "commit-status", "code": "forge-unavailable"}
    assert metrics.registry.get_sample_value("sealane_connector_given_up_total", labels) == 1


def test_refusal_of_the_forge_is_final_and_counted(forge: Forge) -> None:
    forge.answers = [(404, "Not Found")]
    metrics = ConnectorMetrics()
    assert post(connector(forge, metrics=metrics), PLANNED) == ()
    labels = {"connector": "commit-status", "code": "status-refused"}
    assert metrics.registry.get_sample_value("sealane_connector_given_up_total", labels) == 1


def test_status_that_gitlab_has_already_is_no_failure(forge: Forge) -> None:
    forge.answers = [(400, '{"message":"Cannot transition status via :enqueue from :pending"}')]
    metrics = ConnectorMetrics()
    assert post(connector(forge, "gitlab", metrics), PLANNED) == ()
    labels = {"connector": "commit-status", "code": "status-refused"}
    assert metrics.registry.get_sample_value("sealane_connector_given_up_total", labels) is None


def test_run_that_the_views_do_not_know_yet_is_waited_for(forge: Forge) -> None:
    found = work(connector(forge), PLANNED, run="us-east-ffffffffffffffff")
    assert found is not None
    assert found.run(1) == Later(1.0)
