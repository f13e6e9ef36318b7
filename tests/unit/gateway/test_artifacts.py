"""What is uploaded as a release must be an archive that can be unpacked safely."""

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest

from gateway.artifacts import artifact_key, check_archive
from gateway.errors import ApiError

Edit = Callable[[tarfile.TarFile], None]


def packed(edit: Edit) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        edit(archive)
    return written.getvalue()


def member(name: str, size: int = 0, **values: object) -> Edit:
    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = size
        for field, value in values.items():
            setattr(info, field, value)
        archive.addfile(info, io.BytesIO(bytes(size)))

    return add


def check(data: bytes) -> None:
    check_archive(io.BytesIO(data), len(data))


def refused(data: bytes) -> str:
    with pytest.raises(ApiError) as caught:
        check(data)
    assert (caught.value.status, caught.value.code) == (422, "artifact-invalid")
    return caught.value.detail


def test_plain_archive_is_taken() -> None:
    data = packed(member("bin/serve", 100, mode=0o755))
    check(data)
    with pytest.raises(ApiError):
        check(data[: len(data) // 2])


@pytest.mark.parametrize(
    "edit",
    [
        member("../outside"),
        member("a/../../outside"),
        member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("link", type=tarfile.SYMTYPE, linkname="../../outside"),
        member("device", type=tarfile.CHRTYPE),
        member("pipe", type=tarfile.FIFOTYPE),
    ],
)
def test_what_would_leave_its_folder_or_is_no_file_is_refused(edit: Edit) -> None:
    assert refused(packed(edit)).startswith("The archive can't be a release:")


@pytest.mark.parametrize("data", [b"", b"text", gzip.compress(b"no tar"), b"\x1f\x8b\x08broken"])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    assert "no tar.gz that can be read" in refused(data)


def test_small_archive_that_becomes_huge_is_refused() -> None:
    assert "unpacks to more than" in refused(packed(member("zeros", 200 << 20)))


def test_key_is_made_of_app_and_digest() -> None:
    assert artifact_key("shop", f"sha256:{'a' * 64}") == f"releases/shop/{'a' * 64}.tar.gz"
