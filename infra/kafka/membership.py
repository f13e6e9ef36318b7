"""A process that starts again ends the membership that its predecessor left behind when it was killed.

Otherwise the group keeps the dead member's partitions for it until its session is over (docs/adr/0006). Members are
known by their client id, which is the process's name; two that live under one name fence each other anyway.
"""

import struct

from infra.kafka.connection import Connection, log
from infra.kafka.wire import NOTHING, Answer, Wire, array, number, text, wire_to

_DESCRIBE, _HEARTBEAT = 69, 68
_VERSION = 0
_LEAVING = -1
_TIMEOUT_SECONDS = 3.0


def end_former_membership(connection: Connection, group: str, client_id: str) -> int:
    """How many members of that name were sent away. Where that can't be done the session runs out by itself."""
    if connection.security:
        return 0
    for address in connection.bootstrap.split(","):
        try:
            with wire_to(address, _TIMEOUT_SECONDS) as wire:
                members = _members(wire, group, client_id)
                for member in members or ():
                    _send_away(wire, group, member)
        except (OSError, struct.error) as error:
            log.info("former members of %s are left to their session: %s: %s", group, address, error)
            continue
        if members is not None:
            return len(members)
    return 0


def _members(wire: Wire, group: str, client_id: str) -> list[str] | None:
    """The ids of the members of this name; None where this broker does not look after the group."""
    answer = wire.ask(_DESCRIBE, _VERSION, array([text(group)]) + b"\0")
    answer.number("i")  # throttle time
    found = []
    for _ in answer.items():
        if answer.number("h"):
            return None
        for _ in range(3):  # no error message, the group, its state
            answer.text()
        answer.skip(8)  # its epochs
        answer.text()  # the assignor
        for _ in answer.items():
            member, client = _member(answer)
            if client == client_id:
                found.append(member)
        answer.skip(4)  # allowed operations
        answer.tags()
    return found


def _member(answer: Answer) -> tuple[str, str]:
    """Its id and its client's."""
    member = answer.text()
    for _ in range(2):  # instance and rack
        answer.text()
    answer.skip(4)  # its epoch
    client = answer.text()
    answer.text()  # its host
    for _ in answer.items():
        answer.text()  # a topic
    answer.text()  # or a pattern of topics
    for _ in range(2):  # what it has, and what it should have
        for _ in answer.items():
            answer.skip(16)
            answer.text()
            for _ in answer.items():
                answer.skip(4)
            answer.tags()
        answer.tags()
    answer.tags()
    return member, client


def _send_away(wire: Wire, group: str, member: str) -> None:
    """A heartbeat that says on its behalf that it leaves."""
    nothing_else = NOTHING * 2 + number("i", -1) + NOTHING * 3
    answer = wire.ask(_HEARTBEAT, _VERSION, text(group) + text(member) + number("i", _LEAVING) + nothing_else)
    answer.number("i")
    code = answer.number("h")
    log.info("former member %s of %s was sent away%s", member, group, f" (Kafka's error {code})" if code else "")
