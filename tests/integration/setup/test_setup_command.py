"""`sealane setup` against a real Kafka and Postgres."""

import subprocess
import sys

import psycopg
import pytest

from tests.support.sources import ROOT


class Setup:
    def __init__(self, kafka: str, database_url: str) -> None:
        self.database_url = database_url
        self._environment = {"PATH": "/usr/bin:/bin", "KAFKA_BOOTSTRAP_SERVERS": kafka, "DATABASE_URL": database_url}

    def run(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = (sys.executable, "-m", "infra.command", "setup")
        known = self._environment | {"PYTHONPATH": str(ROOT), "SEALANE_DATA_DIR": "/nonexistent"} | environment
        return subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def setup(module_kafka: str, database_url: str) -> Setup:
    """One broker for all, a database for each: only the first test asks for a broker without topics."""
    return Setup(module_kafka, database_url)


def test_topics_and_tables_are_made_once(setup: Setup) -> None:
    first, second = setup.run(), setup.run()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "topics: 0 changes" in second.stdout
    assert "topics: 0 changes" not in first.stdout
    with psycopg.connect(setup.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM sealane.runs").fetchone() == (0,)


def test_tables_of_another_version_are_refused_and_left_as_they_are(setup: Setup) -> None:
    assert setup.run().returncode == 0
    with psycopg.connect(setup.database_url) as connection:
        connection.execute("UPDATE sealane.view_migrations SET version_num = '9999'")
    refused = setup.run()
    assert refused.returncode == 4
    assert "another version of Sealane, maybe a newer one" in refused.stderr
    assert "9999" in refused.stderr


def test_database_that_is_not_there_is_named(setup: Setup) -> None:
    refused = setup.run(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert refused.returncode == 5
    assert "database-unavailable" in refused.stderr
    assert "Traceback" not in refused.stderr
