"""Without a sandbox: runs a command and lets none of its processes outlive it, or the agent.

Becomes the parent of whatever the command leaves behind (PR_SET_CHILD_SUBREAPER) and ends it all when the
command has ended, when the agent dies, or on SIGTERM. A program of its own: `python -I -S keep_together.py ARGV...`.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


def kill_all() -> None:
    """SIGKILL children; theirs become ours as they die, until none is left."""
    while pids := children():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def stop(*_: object) -> None:
    kill_all()
    os._exit(137)


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    signal.signal(signal.SIGTERM, stop)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Python ignores the last two; a job expects them as they are everywhere else.
    defaults = [signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ]
    main_child = os.posix_spawn(sys.argv[1], sys.argv[1:], dict(os.environ), setpgroup=0, setsigdef=defaults)
    while True:
        pid, status = os.wait()
        if pid == main_child:
            code = os.waitstatus_to_exitcode(status)
            kill_all()
            os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
