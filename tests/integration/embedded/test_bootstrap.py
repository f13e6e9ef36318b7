"""The environment that `make` prepares: made once, remade when its lock file changes, never from changed packages."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from infra import bootstrap
from tests.support.sources import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bootstrap, pointed at a project of its own with one small package in its lock file."""
    places = {"ROOT": tmp_path, "VENV": tmp_path / ".venv", "LOCK_FILE": tmp_path / "requirements.lock"}
    places |= {"PYTHON": tmp_path / ".venv/bin/python", "STAMP": tmp_path / ".venv/.sealane-stamp"}
    for name, place in places.items():
        monkeypatch.setattr(bootstrap, name, place)
    places["LOCK_FILE"].write_text(locked("cronsim"))
    return bootstrap


def locked(name: str) -> str:
    """The package's entry in the real lock file."""
    entry = re.search(rf"^{name}==(?:.*\\\n)*.*\n", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert entry is not None
    return entry.group()


def test_environment_is_made_once_and_has_the_project_in_it(
    project: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "main.py").write_text("def main():\n    import cronsim\n    print('it runs')\n    return 3\n")

    assert project.main() == 0
    first = capsys.readouterr().out
    done = subprocess.run([tmp_path / ".venv/bin/sealane"], capture_output=True, text=True, check=False)
    assert project.main() == 0

    assert "Python packages: preparing" in first.splitlines()[0]
    assert "1 of 1 (cronsim)" in first
    assert (done.returncode, done.stdout, done.stderr) == (3, "it runs\n", "")
    assert capsys.readouterr().out == ""


def test_changed_lock_file_makes_the_environment_anew(project: ModuleType, tmp_path: Path) -> None:
    assert project.main() == 0
    leftover = tmp_path / ".venv" / "leftover"
    leftover.touch()
    project.LOCK_FILE.write_text(locked("sortedcontainers"))

    assert project.main() == 0

    listed = subprocess.run([project.PYTHON, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "sortedcontainers" in listed
    assert "cronsim" not in listed
    assert not leftover.exists()


def test_package_that_is_not_the_locked_one_is_refused(project: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    project.LOCK_FILE.write_text(re.sub(r"sha256:\w{4}", "sha256:0000", locked("cronsim")))

    assert project.main() == 1

    assert "checksum-mismatch" in capsys.readouterr().err
    assert not project.STAMP.exists()


def test_too_old_python_is_told_what_is_needed(
    project: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))

    assert project.main() == 1
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err
    assert not project.VENV.exists()
