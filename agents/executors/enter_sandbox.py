"""Runs as the first process of new namespaces (made by util-linux `unshare`): builds the job's view of the machine,
gives up its privileges and runs the command. A program of its own, stdlib only: `python -I -S enter_sandbox.py JSON`.
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MNT_DETACH = 2
CLONE_NEWUSER = 0x10000000
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
SYS_MOUNT_SETATTR = 442
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi")
# Kept when the command runs as root: CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID.
ROOT_CAPABILITIES = frozenset((0, 1, 3, 5, 6, 7))

libc = ctypes.CDLL(None, use_errno=True)


class MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def check(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")


def mount(source: str, place: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if text is None else text.encode() for text in (source, place, kind, data)]
    check(libc.mount(encoded[0], encoded[1], encoded[2], flags, encoded[3]), f"mount {source} on {place}")


def make_read_only(place: str) -> None:
    """The mount at `place` and all below it: read-only, and set-user-id bits mean nothing."""
    attributes = MountAttr(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    size = ctypes.sizeof(attributes)
    result = libc.syscall(
        SYS_MOUNT_SETATTR, AT_FDCWD, place.encode(), AT_RECURSIVE, ctypes.byref(attributes), ctypes.c_size_t(size)
    )
    check(result, f"make {place} read-only")


def bind(root: str, source: str, place: str) -> None:
    target = root + place
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    mount(source, target, None, MS_BIND | MS_REC)


def bind_writable(root: str, source: str, place: str) -> None:
    bind(root, source, place)
    mount("none", root + place, None, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV)


def build(root: str, layout: dict) -> None:  # type: ignore[type-arg]
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for target, place in layout["links"]:
        os.symlink(target, root + place)
    build_run(root)
    for source, place in layout["read_only"]:
        bind(root, source, place)
    for place in layout["hidden"]:
        hide(root + place)
    for source, place in layout["overlays"]:
        bind(root, source, place)
    for place in {place for _, place in layout["writable"]}:
        os.makedirs(root + place, exist_ok=True) if not os.path.isdir(root + place) else None
    for name in ("proc", "dev"):
        os.mkdir(f"{root}/{name}")
    make_read_only(root)
    for source, place in layout["writable"]:
        bind_writable(root, source, place)
    build_proc(root + "/proc")
    build_dev(root + "/dev")


def build_run(root: str) -> None:
    os.mkdir(root + "/run", 0o755)
    mount("tmpfs", root + "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k")


def hide(place: str) -> None:
    if os.path.isdir(place):
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "mode=755,size=4k")
    else:
        mount("/dev/null", place, None, MS_BIND)


def build_proc(proc: str) -> None:
    mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in PROC_READ_ONLY:
        place = f"{proc}/{name}"
        if os.path.exists(place):
            mount(place, place, None, MS_BIND)
            make_read_only(place)


def build_dev(dev: str) -> None:
    mount("tmpfs", dev, "tmpfs", MS_NOSUID, "mode=755,size=64k")
    for name in DEVICES:
        os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_WRONLY))
        mount(f"/dev/{name}", f"{dev}/{name}", None, MS_BIND)
    for target, name in (
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
        ("pts/ptmx", "ptmx"),
    ):
        os.symlink(target, f"{dev}/{name}")
    os.mkdir(f"{dev}/shm")
    mount("tmpfs", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    os.mkdir(f"{dev}/pts")
    mount("devpts", f"{dev}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")


def switch_root(root: str) -> None:
    os.chdir(root)
    number = SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"unknown machine type {os.uname().machine}")
    check(libc.syscall(number, b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "detach the old root")
    os.chdir("/")


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))


def give_up_privileges(uid: int | None, own_ids: list[int] | None) -> None:
    """`uid`: from root to this user. `own_ids`: back from the root of a user namespace to who the agent is."""
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    if own_ids is not None:
        return_to_own_ids(*own_ids)
        return
    for capability in range(64):
        if capability not in ROOT_CAPABILITIES and libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def return_to_own_ids(uid: int, gid: int) -> None:
    check(libc.unshare(CLONE_NEWUSER), "user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} 0 1"), ("gid_map", f"{gid} 0 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def run(argv: list[str], uid: int | None, own_ids: list[int] | None) -> int:
    """Run the command and be its init: wait for it, and take in whatever else ends meanwhile."""
    main = os.fork()
    if main == 0:
        try:
            # Python ignores these; a job expects them as they are everywhere else.
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            give_up_privileges(uid, own_ids)
            os.execve(argv[0], argv, dict(os.environ))
        except OSError as error:
            print(f"sealane: {argv[0]} can't be run: {error}", file=sys.stderr)
        os._exit(126)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pid, status = os.wait()
        if pid == main:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main() -> None:
    request = json.loads(sys.argv[1])
    try:
        build(request["root"], request["layout"])
        if not request["network"]:
            raise_loopback()
        socket.sethostname("sealane")
        switch_root(request["root"])
    except OSError as error:
        print(f"sealane: the sandbox can't be made: {error}", file=sys.stderr)
        os._exit(125)
    sys.stdout.flush()
    os._exit(run(request["argv"], request["uid"], request["own_ids"]))


if __name__ == "__main__":
    main()
