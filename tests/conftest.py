"""Fixtures with real servers, for every test that asks for one. How they are got: tests/support/servers.py."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import servers
from tests.support.docker_engine import PATH, docker_engine

# The same examples each time, on a machine of any speed: what fails fails for everybody.
settings.register_profile("sealane", deadline=None, derandomize=True)
settings.load_profile("sealane")


@pytest.fixture(scope="session")
def kafka_template() -> Iterator[Path]:
    with servers.kafka_template() as folder:
        yield folder


@pytest.fixture
def fresh_kafka(kafka_template: Path) -> Iterator[str]:
    """Bootstrap servers of a broker for this test alone (about a second): for what uses the `sealane.*` topics."""
    with servers.embedded_kafka(kafka_template) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture(scope="module")
def module_kafka(kafka_template: Path) -> Iterator[str]:
    """As `fresh_kafka`, one for all the tests of a module."""
    with servers.embedded_kafka(kafka_template) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The dsn (`postgresql://...`) of a server shared by the whole session."""
    with servers.shared_postgres() as dsn:
        yield dsn


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """The dsn of an empty database for this test alone."""
    with servers.fresh_database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """An engine, named by DOCKER_HOST for as long as the session takes."""
    with docker_engine() as host, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", host)
        patch.setenv("PATH", PATH)
        yield host


@pytest.fixture
def unique_name() -> str:
    """A name that no other test uses: a prefix for topics, groups and transactional ids on a shared broker."""
    return f"test-{secrets.token_hex(6)}"
