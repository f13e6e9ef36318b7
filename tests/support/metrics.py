"""Instances that say at /metrics what a test wants, known to whoever asks for instances; and a real Prometheus."""

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import httpx

from agents.metrics.base import Instance, NotKnown, Place
from core.deployments.target_state import SetStatus, TargetStatus
from infra.embedded.cache import cached_dir
from infra.embedded.ports import choose_port
from infra.embedded.process import ProcessSpec, kill, start_process
from tests.support.servers import scratch_directory

PLACE = Place("shop", "production", "us-east")


class Reply(NamedTuple):
    status: int = 200
    body: str = ""
    kind: str = "text/plain; version=0.0.4"


class Speaker:
    """A small HTTP server: every request is answered by what `reply(path, form)` says, which may take its time."""

    def __init__(self, reply: Callable[[str, str], Reply]) -> None:
        self.reply = reply
        self.requests: list[tuple[str, str]] = []
        speaker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                form = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                speaker.requests.append((self.path, form))
                answer = speaker.reply(self.path, form)
                data = answer.body.encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Exposed:
    """An instance of a service: its counters are the test's to set. `times_read` counts scrapes."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.statuses = {"200": 0, "500": 0}
        self.buckets = {"0.1": 0, "0.5": 0, "1.0": 0, "+Inf": 0}
        self.memory = 50_000_000
        self.started: float | None = None
        self.times_read = 0

    def serve(self, ok: int = 0, failed: int = 0, fast: int = 0, slow: int = 0) -> None:
        """So many more requests, of which `fast` took under 0.1 s and `slow` between 0.5 and 1 s."""
        self.statuses["200"] += ok
        self.statuses["500"] += failed
        for bound, count in (("0.1", fast), ("0.5", fast), ("1.0", fast + slow), ("+Inf", fast + slow)):
            self.buckets[bound] += count

    def page(self) -> str:
        self.times_read += 1
        version = f'version="{self.version}"'
        lines = ["# TYPE http_requests_total counter"]
        lines += [f'http_requests_total{{{version},status="{code}"}} {count}' for code, count in self.statuses.items()]
        lines += ["# TYPE http_request_duration_seconds histogram"]
        name = "http_request_duration_seconds_bucket"
        lines += [f'{name}{{{version},le="{bound}"}} {count}' for bound, count in self.buckets.items()]
        lines += ["# TYPE process_resident_memory_bytes gauge", f"process_resident_memory_bytes {self.memory}"]
        if self.started is not None:
            lines += [f"process_start_time_seconds {self.started}"]
        return "\n".join(lines) + "\n"


class Pages:
    """Shows the pages of many instances, each at a port of its own, from one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def show(self, exposed: Exposed) -> str:
        """The URL whose /metrics is the instance's page."""
        port = asyncio.run_coroutine_threadsafe(self._listen(exposed), self._loop).result()
        return f"http://127.0.0.1:{port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    @staticmethod
    async def _listen(exposed: Exposed) -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await reader.readuntil(b"\r\n\r\n"):
                    page = exposed.page().encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")
                    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(page), page))
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port


class KnownInstances:
    """An Instances whose truth is a list."""

    def __init__(self) -> None:
        self.listed: list[Instance] = []
        self.requests: dict[str, int | None] = {}
        self.broken = ""
        self._pages = Pages()

    def run(self, set_name: str, place: Place = PLACE) -> Exposed:
        exposed = Exposed(set_name.removesuffix(".baseline"))
        self.add(set_name, self._pages.show(exposed), place)
        return exposed

    def add(self, set_name: str, url: str, place: Place = PLACE, ready: bool = True) -> None:
        self.listed.append(Instance(place, set_name, set_name.removesuffix(".baseline"), url, ready))

    def close(self) -> None:
        self._pages.close()

    def of(self, place: Place) -> Sequence[Instance]:
        self._check()
        return [each for each in self.listed if each.place == place]

    def everywhere(self) -> Sequence[Instance]:
        return list(self.listed)

    def status(self, place: Place) -> TargetStatus:
        self._check()
        sets = {each.set_name: each.release_id for each in self.of(place)} | {name: name for name in self.requests}
        return TargetStatus(
            epoch=1,
            sets=tuple(SetStatus(name, release, requests=self.requests.get(name)) for name, release in sets.items()),
        )

    def _check(self) -> None:
        if self.broken:
            raise NotKnown(self.broken)


@contextmanager
def prometheus(targets: Path, scrape_seconds: float = 0.2) -> Iterator[str]:
    """The URL of a real Prometheus that scrapes what the files of `targets` name."""
    port = choose_port(0, "Prometheus")
    url = f"http://127.0.0.1:{port}"
    with scratch_directory() as folder:
        (folder / "prometheus.yml").write_text(_configuration(targets, scrape_seconds))
        spec = ProcessSpec(
            name="prometheus",
            argv=(
                *(
                    str(_binary()),
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ),
                *(f"--storage.tsdb.path={folder / 'data'}", "--log.level=warn"),
            ),
            log_path=folder / "log",
            ready=lambda: _is_ready(url),
        )
        process = start_process(spec)
        try:
            yield url
        finally:
            kill(process)


def _configuration(targets: Path, scrape_seconds: float) -> str:
    milliseconds = round(scrape_seconds * 1000)
    return (
        f"global: {{scrape_interval: {milliseconds}ms, scrape_timeout: {milliseconds}ms}}\n"
        "scrape_configs:\n"
        "  - job_name: sealane\n"
        f"    file_sd_configs: [{{files: ['{targets}/sealane-*.json'], refresh_interval: 1s}}]\n"
    )


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _binary() -> Path:
    """The one on the PATH, else that of the system's package, fetched once and unpacked beside the other servers."""
    found = shutil.which("prometheus")
    return Path(found) if found else cached_dir("prometheus", _unpack_package) / "usr/bin/prometheus"


def _unpack_package(folder: Path) -> None:
    for command in ("apt-get download prometheus", "dpkg-deb --extract prometheus_*.deb ."):
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"Prometheus is neither on the PATH nor to be had: {command}: {done.stderr}")
    for package in folder.glob("*.deb"):
        package.unlink()
