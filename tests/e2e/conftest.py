"""One platform for all end-to-end tests: each test uses an app of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.platform import Platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("platform")
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)
    with Platform(folder) as running:
        yield running
