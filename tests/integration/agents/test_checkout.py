"""git-checkout with the real git, against repositories on this machine."""

import os
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.pipeline.plan import Step
from core.runs.events import JobFinished
from tests.integration.agents.rig import Attempt, Rig

CHECKOUT = Step(name="checkout", uses="git-checkout")


class Origin:
    """A repository with some commits on main, served over HTTP by git's own backend, without protocol version 2."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "uploadpack.allowReachableSHA1InWant", "true")
        self.commits = [self.commit(f"file {number}", f"{number}\n") for number in range(3)]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Backend, folder.parent))
        self.url = f"http://127.0.0.1:{self._server.server_port}/{folder.name}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def commit(self, message: str, text: str) -> str:
        (self.folder / "file").write_text(text)
        self.git("add", "--all")
        self.git("-c", "user.name=Ann", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ("git", *arguments), cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


class _Backend(BaseHTTPRequestHandler):
    """`git http-backend` as CGI."""

    def __init__(self, root: Path, *arguments: Any) -> None:
        self._root = root
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        done = subprocess.run(("git", "http-backend"), input=body, env=environment, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    made = Origin(tmp_path / "origin")
    yield made
    made.close()


def check_out(rig: Rig, origin: Origin, *more: Step | str, checkout: Step = CHECKOUT, **job: Any) -> Attempt:
    values = {"repository_url": origin.url, "commit": origin.commits[-1], **job}
    return rig.job(checkout, *more, **values)


def failure(attempt: Attempt) -> JobFinished:
    end = attempt.finished()
    assert (end.outcome, end.reason) == ("failure", "setup-failed"), attempt.text()
    return end


def test_commit_is_checked_out_with_no_more_history_than_asked(rig: Rig, origin: Origin, isolation: str) -> None:
    rig.agent(isolation=isolation)
    attempt = check_out(rig, origin, "cat file; git rev-parse HEAD; git rev-list --count HEAD")

    assert attempt.finished().outcome == "success", attempt.text()
    assert attempt.data("stdout").decode().split()[-3:] == ["2", origin.commits[2], "1"]


def test_older_commit_and_whole_history(rig: Rig, origin: Origin) -> None:
    rig.agent()
    deep = Step(name="checkout", uses="git-checkout", with_={"depth": "0", "path": "src/app"})
    attempt = check_out(
        rig, origin, "cd src/app; cat file; git rev-list --count HEAD", checkout=deep, commit=origin.commits[1]
    )

    assert attempt.finished().outcome == "success", attempt.text()
    assert attempt.data("stdout").decode().split()[-2:] == ["1", "2"]


def test_server_that_serves_only_refs_is_asked_for_the_branch(rig: Rig, origin: Origin) -> None:
    rig.agent()
    origin.git("config", "uploadpack.allowReachableSHA1InWant", "false")
    attempt = check_out(rig, origin, "cat file", commit=origin.commits[0])

    assert attempt.finished().outcome == "success", attempt.text()
    assert attempt.data("stdout").endswith(b"\n0\n")


def test_repository_that_is_gone_is_named(rig: Rig, origin: Origin) -> None:
    rig.agent()
    end = failure(check_out(rig, origin, repository_url=f"{origin.url}-gone"))

    assert f"{origin.url}-gone can't be reached or does not exist" in end.detail


def test_commit_that_is_gone_is_named(rig: Rig, origin: Origin) -> None:
    rig.agent()
    end = failure(check_out(rig, origin, commit="d" * 40))

    assert f"commit {'d' * 40} is not in {origin.url}" in end.detail


@pytest.mark.parametrize("url", ["ext::sh -c touch% pwned", "--upload-pack=touch pwned", "-oProxyCommand=x:y", "x"])
def test_address_that_is_an_option_or_a_command_never_reaches_git(rig: Rig, origin: Origin, url: str) -> None:
    rig.agent()
    end = failure(check_out(rig, origin, repository_url=url))

    assert "is no address git may fetch from" in end.detail


def test_password_in_an_address_is_not_shown(rig: Rig, origin: Origin) -> None:
    rig.agent()
    attempt = check_out(rig, origin, repository_url="http://ann:s3cret@127.0.0.1:1/app.git")
    end = failure(attempt)

    assert "s3cret" not in end.detail + attempt.text()


def test_branch_with_the_name_of_a_command_is_just_a_name(rig: Rig, origin: Origin) -> None:
    rig.agent()
    origin.git("config", "uploadpack.allowReachableSHA1InWant", "false")
    origin.git("branch", "$(touch${IFS}pwned)")
    attempt = check_out(rig, origin, 'echo "$BRANCH"; ls', branch="$(touch${IFS}pwned)", commit=origin.commits[0])

    assert attempt.finished().outcome == "success", attempt.text()
    assert attempt.data("stdout").endswith(b"$(touch${IFS}pwned)\nfile\n")


def test_path_outside_the_workspace_and_unknown_keys_are_refused(rig: Rig, origin: Origin) -> None:
    rig.agent()
    outside = Step(name="checkout", uses="git-checkout", with_={"path": "../../etc"})
    unknown = Step(name="checkout", uses="git-checkout", with_={"dept": "1"})

    assert "leaves the workspace" in failure(check_out(rig, origin, checkout=outside)).detail
    assert "unknown key 'dept'" in failure(check_out(rig, origin, checkout=unknown)).detail


def test_checkout_works_in_a_job_without_network(rig: Rig, origin: Origin) -> None:
    rig.agent()
    attempt = check_out(rig, origin, "cat file", network="none")

    assert attempt.finished().outcome == "success", attempt.text()
