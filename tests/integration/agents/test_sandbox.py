"""What a job can't do to the machine, to other jobs and to its agent, in every isolation this machine has."""

import os
from pathlib import Path

import pytest

from core.pipeline.plan import Resources, Step
from tests.integration.agents.rig import Rig

MEBIBYTE = 1 << 20


def processes_with(word: str) -> list[int]:
    """Pids of all processes whose command line holds the word."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture
def guarded(rig: Rig, isolation: str) -> Rig:
    """A rig whose agent uses this isolation and hides one more directory."""
    hidden = rig.folder / "hidden"
    hidden.mkdir()
    (hidden / "key").write_text("the platform's key")
    rig.agent(isolation=isolation, hidden_paths=[str(hidden)], limits={"processes": 64})
    return rig


def test_machine_is_read_only_but_for_the_jobs_own_places(guarded: Rig) -> None:
    script = """
    for place in / /usr /etc /var /run /job /proc/sys/kernel "$(dirname "$0")"; do
      touch "$place/sealane-was-here" 2>/dev/null && echo "wrote to $place"
    done
    for place in "$WORKSPACE" "$HOME" /tmp /var/tmp /dev/shm; do
      touch "$place/mine" || echo "could not write to $place"
    done
    echo 1 2>/dev/null > /proc/sys/vm/drop_caches && echo "wrote to /proc/sys"
    mount -t tmpfs none /tmp 2>/dev/null && echo "mounted"
    true
    """
    attempt = guarded.job(script)

    assert attempt.finished().outcome == "success"
    assert attempt.data("stdout", "stderr") == b""
    assert not Path("/tmp/mine").exists()


def test_agents_and_platforms_files_are_hidden(guarded: Rig) -> None:
    attempt = guarded.job(
        f"ls -A {guarded.folder}/agent {guarded.folder}/hidden; cat {guarded.folder}/hidden/key; true"
    )
    attempt.finished()

    assert "the platform's key" not in attempt.text()
    assert "agent-id" not in attempt.text()
    assert "spool" not in attempt.text()


def test_jobs_see_no_processes_but_their_own(guarded: Rig) -> None:
    attempt = guarded.job(
        "ls /proc | grep -c '^[0-9]*$'; cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' || true; uname -n"
    )
    attempt.finished()

    count, *rest = attempt.data("stdout").decode().split("\n")
    assert int(count) < 10
    assert "not-for-jobs" not in attempt.text()
    assert rest[-2] == "sealane"


def test_jobs_of_a_root_agent_run_as_a_user_of_their_own(guarded: Rig) -> None:
    attempt = guarded.job("id -u; whoami; cat /etc/shadow; true")
    attempt.finished()

    uid, name = attempt.data("stdout").decode().split()[:2]
    expected = os.geteuid() if os.geteuid() else None
    assert (int(uid) == expected) if expected else int(uid) > 60000
    assert name == "sealane"
    assert "Permission denied" in attempt.data("stderr").decode()


def test_job_without_network_reaches_only_itself(guarded: Rig) -> None:
    script = f"""
    (exec 3<>/dev/tcp/127.0.0.1/{guarded.port}) 2>/dev/null && echo "reached the gateway"
    cat /proc/net/dev | tail -n +3 | cut -d: -f1
    """
    attempt = guarded.job(script, network="none")
    attempt.finished()

    assert attempt.data("stdout").split() == [b"lo"]


def test_loopback_works_without_network(guarded: Rig) -> None:
    script = """
    python3 - <<'END'
    import socket
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname(), 5)
    print("connected")
    END
    """
    attempt = guarded.job(script.replace("\n    ", "\n"), network="none")

    assert attempt.finished().outcome == "success"
    assert attempt.data("stdout") == b"connected\n"


def test_what_a_step_leaves_running_ends_with_it(guarded: Rig) -> None:
    attempt = guarded.job("setsid nohup sleep 31415.1 >/dev/null 2>&1 & echo started", "echo next")

    assert attempt.finished().outcome == "success"
    assert not processes_with("31415.1")


def test_memory_over_the_limit_is_reported_as_such(guarded: Rig) -> None:
    resources = Resources(memory_limit_bytes=64 * MEBIBYTE)
    attempt = guarded.job("python3 -c \"x = b'x' * (200 << 20); print(len(x))\"", resources=resources)

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("failure", "oom-killed")
    assert "memory limit" in end.detail


def test_fork_bomb_is_contained_and_reported(guarded: Rig) -> None:
    bomb = Step(name="bomb", run="bomb() { bomb | bomb & }; bomb; sleep 2; exit 1", timeout_seconds=20)
    attempt = guarded.job(bomb, resources=Resources(memory_limit_bytes=512 * MEBIBYTE))

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("failure", "process-limit")
    assert guarded.job("echo fine").finished().outcome == "success"


def test_cancel_ends_a_tree_of_processes_that_ignore_sigterm(guarded: Rig) -> None:
    stubborn = "trap '' TERM; echo ready; (trap '' TERM; setsid sleep 31415.2) & sleep 31415.2; sleep 31415.2"
    attempt = guarded.job(stubborn)
    attempt.wait_for_output("ready")
    guarded.wait(lambda: len(processes_with("sleep\x0031415.2")) == 2)
    attempt.cancel()

    assert attempt.finished().outcome == "cancelled"
    assert not processes_with("31415.2")


def test_killed_agent_leaves_no_process_behind(guarded: Rig) -> None:
    attempt = guarded.job("echo ready; setsid sleep 31415.3 & sleep 31415.3")
    attempt.wait_for_output("ready")
    guarded.wait(lambda: len(processes_with("sleep\x0031415.3")) == 2)
    guarded.agents[0].kill()

    guarded.wait(lambda: not processes_with("31415.3"))
    assert not processes_with(str(guarded.folder / "agent" / "jobs"))


def test_line_of_a_hundred_megabytes_arrives_whole(guarded: Rig) -> None:
    attempt = guarded.job("head -c 100000000 /dev/zero | tr '\\0' x; echo end")

    end = attempt.finished()

    assert end.outcome == "success"
    assert attempt.data("stdout") == b"x" * 100_000_000 + b"end\n"
    assert all(len(line.data) <= 65536 for chunk in attempt.chunks() for line in chunk.lines)


def test_broken_pipe_ends_a_writer_as_usual(guarded: Rig) -> None:
    attempt = guarded.job(Step(name="yes", run="yes | head -n 1", shell="sh"))

    assert attempt.finished().outcome == "success"
    assert attempt.data("stdout", "stderr") == b"y\n"
