"""One platform for all end-to-end tests: each test uses an app of its own."""

from collections.abc import Iterator

import pytest

from tests.support.platform import Platform
from tests.support.servers import scratch_directory


@pytest.fixture(scope="package")
def platform() -> Iterator[Platform]:
    with scratch_directory() as folder, Platform(folder) as running:
        yield running
