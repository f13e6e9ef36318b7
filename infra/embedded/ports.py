"""Ports on 127.0.0.1: a free one, or a clear word when the wanted one is taken."""

import errno
import socket
from contextlib import ExitStack

from infra.embedded.errors import ServerError

HOST = "127.0.0.1"


def choose_port(wanted: int, what: str) -> int:
    """`wanted` if it is free, any free port if `wanted` is 0. Raises ServerError(port-taken)."""
    with ExitStack() as held:
        return _held_port(held, wanted, what)


def _refused(error: OSError, wanted: int, what: str) -> ServerError:
    if error.errno == errno.EADDRINUSE:
        detail = f"Port {wanted} on {HOST}, wanted for {what}, is taken by another process. Stop it or choose another."
        return ServerError("port-taken", detail)
    return ServerError("port-refused", f"Port {wanted} on {HOST}, wanted for {what}: {error.strerror}. Choose another.")


def choose_ports(count: int, what: str) -> list[int]:
    """That many free ports, all different."""
    with ExitStack() as held:
        return [_held_port(held, 0, what) for _ in range(count)]


def _held_port(held: ExitStack, wanted: int, what: str) -> int:
    probe = held.enter_context(socket.socket())
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((HOST, wanted))
    except OSError as error:
        raise _refused(error, wanted, what) from error
    port: int = probe.getsockname()[1]
    return port
