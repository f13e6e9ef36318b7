"""A job that writes more than its agent can send waits, on little disk and memory, and hurts no other job."""

import signal
from pathlib import Path

from tests.integration.agents.rig import AgentProcess, Rig

MEBIBYTE = 1 << 20
SPOOL = 8 * MEBIBYTE
LINE = b"0123456789abcde\n"
LOUD = "echo ready; until [ -e go ]; do sleep 0.05; done; yes 0123456789abcde | head -c {bytes}"


def size_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*/*.seg"))


def peak_memory(agent: AgentProcess) -> int:
    status = Path(f"/proc/{agent.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_writer_waits_while_the_hub_is_away_and_no_line_is_lost(rig: Rig) -> None:
    total = 20 * MEBIBYTE
    agent = rig.agent(slots=2, spool_bytes=SPOOL)
    loud = rig.job(LOUD.format(bytes=total).replace("| head", "2>/dev/null | head") + " || true")
    loud.wait_for_output("ready")
    quiet = rig.job("echo ready; until [ -e go ]; do sleep 0.05; done; echo done")
    quiet.wait_for_output("ready")
    rig.stop_hub()
    for workspace in (agent.data_dir / "jobs").glob("*/workspace"):
        (workspace / "go").touch()
    rig.wait(lambda: size_on_disk(agent.data_dir / "spool") > SPOOL // 2)
    rig.wait(lambda: len(list((agent.data_dir / "jobs").iterdir())) == 1, agent.output)

    assert size_on_disk(agent.data_dir / "spool") < SPOOL
    rig.start_hub()
    assert quiet.finished().outcome == "success"
    end = loud.finished()
    assert end.outcome == "success"
    assert end.log.dropped_bytes == 0
    assert loud.data("stdout") == b"ready\n" + LINE * (total // len(LINE))
    assert quiet.data("stdout") == b"ready\ndone\n"
    assert peak_memory(agent) < 100 * MEBIBYTE


def test_cancel_reaches_a_job_whose_output_nobody_takes(rig: Rig) -> None:
    agent = rig.agent(spool_bytes=SPOOL)
    loud = rig.job("echo ready; until [ -e go ]; do sleep 0.05; done; yes")
    loud.wait_for_output("ready")
    rig.stop_hub()
    for workspace in (agent.data_dir / "jobs").glob("*/workspace"):
        (workspace / "go").touch()
    rig.wait(lambda: size_on_disk(agent.data_dir / "spool") > SPOOL // 2)
    agent.terminate()
    agent.process.send_signal(signal.SIGINT)

    assert agent.exit_code() == 0
    assert not list((agent.data_dir / "jobs").iterdir())
