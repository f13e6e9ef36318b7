"""The installation's key is made once and derives stable secrets."""

import stat
from pathlib import Path

from infra.keys import InstallationKey


def test_key_is_made_once_and_private(tmp_path: Path) -> None:
    first = InstallationKey.load_or_create(tmp_path)
    second = InstallationKey.load_or_create(tmp_path)
    assert first.admin_token == second.admin_token
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_secrets_differ_by_purpose_and_installation(tmp_path: Path) -> None:
    one, other = InstallationKey.load_or_create(tmp_path / "a"), InstallationKey.load_or_create(tmp_path / "b")
    assert one.webhook_secret("x") != one.webhook_secret("y")
    assert one.webhook_secret("x") != other.webhook_secret("x")
