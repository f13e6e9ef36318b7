"""Becomes another program, tied to its parent: when the parent dies, even by kill -9, the kernel signals this process.

Run as `python -I -S launch.py PARENT_PID SIGNAL UID:GID|- PROGRAM [ARGUMENT...]`. Standard library only. It is a
program of its own because a forked Python with other threads must not run code of its own before exec.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, death_signal, owner, *command = arguments
    # Found before the change of user, after which neither our folders nor Python's own may be readable.
    program = _find(command[0])
    if owner != "-":
        _become(*(int(part) for part in owner.split(":")))
    # After the change of user, which clears the setting.
    _die_with(int(parent), int(death_signal))
    try:
        os.execv(program, command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


def _find(program: str) -> str:
    if os.sep in program:
        return program
    places = (os.path.join(folder, program) for folder in os.get_exec_path())
    return next((place for place in places if os.access(place, os.X_OK)), program)


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _die_with(parent: int, death_signal: int) -> None:
    if death_signal == 0:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
