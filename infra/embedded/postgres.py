"""A real Postgres on 127.0.0.1, from the system's programs or a wheel, with a password of its own.

DATABASE_URL names an existing database instead; whoever needs one asks `existing()` first.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.cache import writable_dir
from infra.embedded.errors import ServerError
from infra.embedded.ports import HOST, choose_port
from infra.embedded.postgres_binaries import find_binaries
from infra.embedded.process import ProcessSpec, Progress, Server, launched, silent, start_process
from infra.embedded.unprivileged import Owner, hand_over, owner_for_servers, reachable_place

USER = "sealane"
DATABASE = "sealane"
_TOOL_TIMEOUT_SECONDS = 120
_LEFTOVER_WAIT_SECONDS = 10.0

_SMALL = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "autovacuum_naptime": "5min",
    "bgwriter_delay": "10s",
    "bgwriter_lru_maxpages": "0",
    "wal_writer_delay": "10s",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "huge_pages": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
# For data that nobody will miss after a power cut: tests.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PreparedPostgres:
    """Everything is in place to run `spec`; clients then connect to `dsn`, a postgresql:// URL."""

    dsn: str
    spec: ProcessSpec


class PostgresServer(Server):
    """A running Postgres that this process started."""

    def __init__(self, prepared: PreparedPostgres, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(prepared.spec, process)
        self.dsn = prepared.dsn


def existing() -> str | None:
    """The database that the environment names, if any."""
    return os.environ.get("DATABASE_URL") or None


def prepare(data_dir: Path, port: int = 0, progress: Progress = silent, durable: bool = True) -> PreparedPostgres:
    """Does all that comes before the server's process. A `port` of 0 chooses a free one.

    Raises ServerError: data-dir-not-writable, data-dir-unreachable, port-taken, postgres-missing, initdb-failed,
    already-running.
    """
    folder = writable_dir(data_dir, "data-dir-not-writable", "Postgres keeps its data there; choose another directory.")
    if port:
        choose_port(port, "Postgres")
    owner = owner_for_servers()
    binaries = find_binaries(owner, progress)
    data = data_directory(folder, owner)
    if data.parent != folder:
        progress(f"Postgres: runs as `nobody`, who can't reach {folder}; its data is in {data}")
    password = _password(folder)
    if not (data / "PG_VERSION").exists():
        progress("Postgres: making its database directory (once)")
        _initialise(binaries, folder, data, owner, password)
    _await_leftover(data)
    # Last of all: making the directory takes seconds, in which somebody else may take a port that was chosen before.
    chosen_port = choose_port(port, "Postgres")
    dsn = f"postgresql://{USER}:{password}@{HOST}:{chosen_port}/{DATABASE}"
    return PreparedPostgres(dsn, _spec(binaries, folder, data, owner, chosen_port, dsn, durable))


def start(data_dir: Path, port: int = 0, progress: Progress = silent, durable: bool = True) -> PostgresServer:
    """A Postgres that answers queries. Raises what `prepare` raises, and ServerError(start-failed) with its log."""
    prepared = prepare(data_dir, port, progress, durable)
    progress("Postgres: starting")
    return PostgresServer(prepared, start_process(prepared.spec))


def data_directory(folder: Path, owner: Owner | None) -> Path:
    """Where the tables are: in `folder`, or where `owner` can reach them."""
    return reachable_place(folder / "data", owner)


def _password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text()


def _initialise(binaries: Path, folder: Path, data: Path, owner: Owner | None, password: str) -> None:
    """Makes the cluster aside and renames it, so an interrupted first start leaves nothing half-made."""
    aside = data.with_name(f"{data.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    hand_over(aside, owner)
    options = ("--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-instructions")
    _run([str(binaries / "initdb"), "-D", str(aside), *options], "", owner)
    # Before it ever listens: a password, and no way in without.
    statements = f"ALTER USER {USER} PASSWORD '{password}';\nCREATE DATABASE {DATABASE};\n"
    _run([str(binaries / "postgres"), "--single", "-D", str(aside), "postgres"], statements, owner)
    (aside / "pg_hba.conf").write_text(f"host all all {HOST}/32 scram-sha-256\n")
    aside.rename(data)


def _run(command: list[str], given: str, owner: Owner | None) -> None:
    done = subprocess.run(
        launched(command, owner),
        input=given,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=_TOOL_TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise ServerError("initdb-failed", f"{Path(command[0]).name} failed:\n{said}")


def _spec(
    binaries: Path, folder: Path, data: Path, owner: Owner | None, port: int, dsn: str, durable: bool
) -> ProcessSpec:
    settings = {**_SMALL, "port": str(port), **({} if durable else _NOT_DURABLE)}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return ProcessSpec(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(data), *options),
        log_path=folder / "postgres.log",
        ready=lambda: _answers(dsn),
        owner=owner,
        cwd=Path("/"),
        # Fast shutdown: ends sessions, writes a checkpoint. SIGTERM would wait for clients to leave.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )


def _answers(dsn: str) -> bool:
    # Here and not above: most commands only ask where a server is, and should not pay 0.1 s for this import.
    import psycopg

    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _await_leftover(data: Path) -> None:
    """A server whose supervisor was just killed is still shutting down, or its sessions after a kill are ending."""
    deadline = time.monotonic() + _LEFTOVER_WAIT_SECONDS
    while (holder := _holder(data)) is not None:
        if time.monotonic() > deadline:
            raise ServerError("already-running", f"Postgres ({holder}) already runs on {data}. Stop it first.")
        time.sleep(0.05)


def _holder(data: Path) -> str | None:
    """Who still uses the directory: the process, or those attached to its shared memory, that its pid file names."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if _is_postgres(int(lines[0])):
        return f"pid {lines[0]}"
    memory = lines[6].split()[1] if len(lines) > 6 and lines[6].strip() else ""
    return f"sessions of the killed pid {lines[0]}" if _attached(memory) else None


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False


def _attached(memory_id: str) -> bool:
    """Whether any process is attached to the System V shared memory segment."""
    try:
        rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    except OSError:
        return False
    return any(row[1] == memory_id and int(row[6]) > 0 for row in rows)
