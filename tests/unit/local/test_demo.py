"""The sample app's work tree is made once, with real git, and belongs to the user afterwards."""

from pathlib import Path

import pytest

from infra.local.demo import DemoFailed, SampleApp


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SampleApp:
    example = tmp_path / "example"
    example.mkdir()
    (example / ".pipeline.yml").write_text("name: Sample\n")
    monkeypatch.setattr("infra.local.demo.EXAMPLE", example)
    return SampleApp(tmp_path / "hello", str(tmp_path / "remote.git"))


def test_preparing_twice_keeps_the_users_changes(sample: SampleApp) -> None:
    sample.prepare()
    first = sample.head()
    (sample.folder / ".pipeline.yml").write_text("name: Mine\n")
    sample.prepare()
    assert sample.head() == first
    assert (sample.folder / ".pipeline.yml").read_text() == "name: Mine\n"


def test_push_to_nowhere_says_what_git_said(sample: SampleApp) -> None:
    sample.prepare()
    with pytest.raises(DemoFailed, match=r"remote\.git"):
        sample.push(lambda line: None)
