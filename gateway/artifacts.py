"""Artifacts as they are uploaded: received into a file, hashed, and looked into before anything is kept.

A deployment unpacks them on some machine much later, so what could not be unpacked safely is refused here.
"""

import hashlib
import tarfile
import tempfile
import zlib
from typing import BinaryIO, NamedTuple

from fastapi import Request

from gateway.errors import ApiError

UNPACKED_TIMES = 100
UNPACKED_BYTES = 4 << 30
MAX_FILES = 200_000
_IN_MEMORY_BYTES = 4 << 20


class Received(NamedTuple):
    """`digest` is `sha256:<hex>`; whoever gets it closes the file."""

    file: BinaryIO
    digest: str
    size_bytes: int


def artifact_key(app: str, digest: str) -> str:
    """Where the object store has it."""
    return f"releases/{app}/{digest.removeprefix('sha256:')}.tar.gz"


async def receive(request: Request, limit_bytes: int) -> Received:
    """The whole body. Raises 413 `body-too-large`."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
    try:
        digest, size = hashlib.sha256(), 0
        async for part in request.stream():
            size += len(part)
            if size > limit_bytes:
                detail = f"The archive is larger than the {limit_bytes} bytes this route takes."
                raise ApiError(413, "body-too-large", detail)
            digest.update(part)
            file.write(part)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Received(file, f"sha256:{digest.hexdigest()}", size)  # type: ignore[arg-type]


def check_archive(file: BinaryIO, size_bytes: int) -> None:
    """Raises 422 `artifact-invalid` for what is no tar.gz, or would unpack to somewhere else or to far too much."""
    most = min(UNPACKED_BYTES, max(size_bytes, 1 << 20) * UNPACKED_TIMES)
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            total = 0
            for number, member in enumerate(archive, start=1):
                total += member.size
                if total > most or number > MAX_FILES:
                    raise _invalid(f"it unpacks to more than {most} bytes or {MAX_FILES} files")
                tarfile.data_filter(member, "/nowhere")
    except tarfile.FilterError as error:
        raise _invalid(str(error)) from error
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise _invalid(f"it is no tar.gz that can be read: {error}") from error


def _invalid(why: str) -> ApiError:
    return ApiError(422, "artifact-invalid", f"The archive can't be a release: {why}.")
