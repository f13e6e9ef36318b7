"""Which processes an installation has, and what other commands learn of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.errors import ServerError
from infra.embedded.ports import choose_port
from infra.local.installation import Installation, check_brokers, with_running_servers
from infra.settings import Settings

ELSEWHERE: dict[str, Any] = {"kafka_bootstrap_servers": "broker:9092", "database_url": "postgresql://db/x"}


def installation(folder: Path, brokers: int) -> Installation:
    """Prepared, with servers that are somewhere else."""
    made = Installation(
        Settings(data_dir=str(folder), brokers=brokers, processors=2, port=choose_port(0, "a test"), **ELSEWHERE)
    )
    made.prepare(lambda message: None)
    return made


def test_one_broker_means_one_of_everything(tmp_path: Path) -> None:
    names = [spec.name for spec in installation(tmp_path, 1).platform()]
    assert names == ["gateway", "processor-1", "processor-2", "worker"]


def test_with_several_brokers_every_region_can_go_on_alone(tmp_path: Path) -> None:
    made = installation(tmp_path, 3)
    specs = {spec.name: spec for spec in (*made.platform(), *made.agents())}
    for region in made.settings.regions:
        of_region = [name for name in specs if region in name]
        roles = ["gateway", "processor", "processor", "worker", "agent"]
        assert [name.partition("-")[0] for name in of_region] == roles
        port = specs[f"agent-{region}"].env["SEALANE_PORT"]
        assert port == specs[f"gateway-{region}"].env["SEALANE_PORT"] == str(made.ports[region])
        assert specs[f"worker-{region}"].env["SEALANE_INSTANCE"] == region
        assert specs[f"gateway-{region}"].env["SEALANE_PUBLIC_URL"] == made.settings.url
    assert len(set(made.ports.values())) == 3


def test_data_directory_keeps_its_number_of_brokers(tmp_path: Path) -> None:
    check_brokers(tmp_path, 3)
    for number in (1, 2, 3):
        (tmp_path / f"broker-{number}").mkdir()
    check_brokers(tmp_path, 3)
    with pytest.raises(ServerError, match="made with 3 brokers, not 1"):
        check_brokers(tmp_path, 1)


def test_data_directory_of_one_broker_is_not_taken_for_three(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    check_brokers(tmp_path, 1)
    with pytest.raises(ServerError, match="made with 1 broker, not 3"):
        check_brokers(tmp_path, 3)


def test_other_commands_know_how_many_copies_the_running_cluster_keeps(tmp_path: Path) -> None:
    running = {"kafka_bootstrap_servers": "a:1", "replication_factor": 3, "min_insync_replicas": 2, "database_url": "d"}
    (tmp_path / "running.json").write_text(json.dumps(running))
    found = with_running_servers(Settings(data_dir=str(tmp_path)))
    assert {name: getattr(found, name) for name in running} == running


def test_named_servers_win_over_the_running_ones(tmp_path: Path) -> None:
    running = {"kafka_bootstrap_servers": "a:1", "replication_factor": 3, "min_insync_replicas": 2, "database_url": "d"}
    (tmp_path / "running.json").write_text(json.dumps(running))
    found = with_running_servers(Settings(data_dir=str(tmp_path), **ELSEWHERE))
    assert (found.kafka_bootstrap_servers, found.replication_factor) == ("broker:9092", 1)
