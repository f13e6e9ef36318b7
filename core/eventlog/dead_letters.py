"""What is kept of a command that can't be decided: the record as it came, and why."""

from datetime import datetime

import msgspec


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the dead-letter topic, in the partition the command came in, under the command's key.

    `code` is stable: `command-undecodable`, `command-unknown`, `command-misrouted`, `decision-failed`. `detail` is
    for people, with the traceback where code failed. `value` is the record as received (base64 in JSON).
    """

    code: str
    detail: str
    topic: str
    partition: int
    offset: int
    recorded_at: datetime
    command_id: str = ""
    stream: str = ""
    key: bytes | None = None
    value: bytes | None = None
