"""`sealane run --local` as a new user meets it: real git, a real sandbox, a real process."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from gateway.cli.errors import CliError
from gateway.cli.main import make_cli
from tests.support.git_repository import WorkTree

ROOT = Path(__file__).parents[3]
SECONDS = 120


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """Not in a temporary directory of the system: jobs have one of their own."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sealane"
    usual.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tests-", dir=usual) as folder:
        yield Path(folder)


class Done(NamedTuple):
    returncode: int
    stdout: str


class Shop:
    """A repository named `shop` and the terminal in it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.tree = WorkTree(folder / "shop")
        self.cache = cache
        self.environment: dict[str, str | None] = {"XDG_CACHE_HOME": str(cache), "COLUMNS": "200"}

    def write(self, pipeline: str, **files: str) -> None:
        self.tree.write(".pipeline.yml", pipeline)
        for name, text in files.items():
            self.tree.write(name, text)

    def run(self, *arguments: str, inside: str = ".", answers: str = "") -> Done:
        with contextlib.chdir(self.tree.path / inside):
            result = CliRunner(env=self.environment).invoke(make_cli(), ["run", "--local", *arguments], input=answers)
        if isinstance(result.exception, CliError):
            return Done(result.exception.exit_code, f"{result.output}error: {result.exception}")
        return Done(result.exit_code, result.output)

    def start(self) -> "subprocess.Popen[str]":
        """The same as a process of its own."""
        return subprocess.Popen(
            (sys.executable, "-m", "infra.command", "run", "--local"),
            cwd=self.tree.path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": str(self.cache)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def shop(tmp_path: Path, cache: Path) -> Shop:
    return Shop(tmp_path, cache)


def test_working_tree_is_run_as_it_is_and_not_as_it_was_committed(shop: Shop) -> None:
    shop.tree.commit(changed="old", gone="x", **{".gitignore": "ignored\n"})
    (shop.tree.path / "gone").unlink()
    (shop.tree.path / "link").symlink_to("changed")
    shop.write(
        "stages:\n  - name: a\n    steps:\n      - uses: git-checkout\n"
        '      - run: cat changed new "umlaut ä"; readlink link; ls\n'
        '      - run: echo "$BRANCH of $PIPELINE in $REGION"\n',
        changed="newer\n",
        new="untracked\n",
        ignored="secret\n",
        **{"umlaut ä": "found\n"},
    )
    done = shop.run()
    assert done.returncode == 0, done.stdout
    words = [line.partition("│ ")[2] for line in done.stdout.splitlines()]
    assert {"newer", "untracked", "found", "changed", "main of shop in local"} <= set(words)
    assert "gone" not in words
    assert "ignored" not in words
    assert not list(shop.cache.glob("sealane/local-*"))


def test_any_directory_of_the_repository_will_do(shop: Shop) -> None:
    shop.write("stages: [{name: a, steps: [{uses: git-checkout}, {run: cat top}]}]\n", top="at the top\n")
    shop.tree.write("deep/down/file", "x")
    assert "at the top" in shop.run(inside="deep/down").stdout


def test_repository_without_any_commit_is_run(shop: Shop) -> None:
    shop.write("stages: [{name: a, steps: [{uses: git-checkout}, {run: echo works}]}]\n")
    assert shop.run().returncode == 0


def test_own_settings_of_git_do_not_get_in_the_way(shop: Shop) -> None:
    shop.write("stages: [{name: a, steps: [{uses: git-checkout}]}]\n")
    settings = shop.cache / "gitconfig"
    settings.write_text("[commit]\n\tgpgsign = true\n[core]\n\thooksPath = /nonexistent\n[user]\n\tsigningkey = none\n")
    shop.environment |= {"GIT_CONFIG_GLOBAL": str(settings), "GIT_DIR": "/nonexistent"}
    assert shop.run().returncode == 0


def test_cache_that_jobs_could_not_see_is_refused(shop: Shop) -> None:
    shop.write("stages: [{name: a, steps: [{uses: git-checkout}]}]\n")
    shop.environment["XDG_CACHE_HOME"] = "/tmp/of-the-system"
    done = shop.run()
    assert done.returncode == 4
    assert "set XDG_CACHE_HOME to another place" in done.stdout
    assert not Path("/tmp/of-the-system").exists()


def test_directory_without_git_is_told_what_to_do(shop: Shop) -> None:
    shutil.rmtree(shop.tree.path / ".git")
    done = shop.run()
    assert done.returncode == 2
    assert "is not a git work tree" in done.stdout
    assert "git init" in done.stdout


def test_repository_without_a_file_is_told_what_to_write(shop: Shop) -> None:
    done = shop.run()
    assert done.returncode == 3
    assert f"there is no .pipeline.yml in {shop.tree.path}" in done.stdout


def test_broken_file_runs_nothing_and_names_every_problem(shop: Shop) -> None:
    shop.write("stages:\n  - {name: a, needs: [b], steps: [{run: touch x}]}\n  - {name: c, colour: red, steps: []}\n")
    done = shop.run()
    assert done.returncode == 6
    assert {"[unknown-stage]", "[unknown-key]", "[empty-list]"} <= set(done.stdout.split())
    assert "▶" not in done.stdout


def test_image_is_refused_before_anything_runs(shop: Shop) -> None:
    shop.write("stages: [{name: a, steps: [{run: x}]}, {name: b, image: 'alpine:3', steps: [{run: x}]}]\n")
    done = shop.run()
    assert done.returncode == 4
    assert "stage 'b' asks for an image" in done.stdout
    assert "▶" not in done.stdout


def test_machine_without_a_sandbox_runs_nothing_unless_told_to(shop: Shop) -> None:
    tools = shop.cache / "tools"
    tools.mkdir()
    for name in ("git", "bash", "sh"):
        (tools / name).symlink_to(str(shutil.which(name)))
    shop.environment["PATH"] = str(tools)
    shop.write("stages: [{name: a, steps: [{uses: git-checkout}, {run: echo ran}]}]\n")
    refused = shop.run()
    assert refused.returncode == 4
    assert "no sandbox works here" in refused.stdout
    assert "▶" not in refused.stdout
    allowed = shop.run("--unsafe-no-sandbox")
    assert "isolation: none" in allowed.stdout


def test_failing_step_ends_its_job_and_skips_what_needs_it(shop: Shop) -> None:
    shop.write(
        "stages:\n  - {name: a, steps: [{run: no-such-tool --version}, {run: echo unreached}]}\n"
        "  - {name: b, needs: [a], steps: [{run: echo unreached}]}\n"
        "  - {name: c, needs: [a], if: failure(), steps: [{run: echo a failed}]}\n"
    )
    done = shop.run()
    assert done.returncode == 1
    assert "no-such-tool: command not found" in done.stdout
    assert "✗ a: step 'no-such-tool --version': Exit code 127." in done.stdout
    assert "↷ b: it needs 'a', which failed" in done.stdout
    assert "a failed" in done.stdout
    assert "│ unreached" not in done.stdout
    assert "✗ a" in done.stdout.splitlines()[-3]


def test_outputs_conditions_and_retries_work_as_on_a_server(shop: Shop) -> None:
    shop.write(
        'stages:\n  - {name: a, retry: 1, steps: [{run: \'echo "n=$ATTEMPT" >> "$OUTPUT"; test "$ATTEMPT" = 2\'}]}\n'
        "  - {name: b, needs: [a], if: stages.a.outputs.n == '2', steps: [{run: 'echo ${{ stages.a.outputs.n }}!'}]}\n"
        "  - {name: c, needs: [a], if: branch == 'other', steps: [{run: echo no}]}\n"
    )
    done = shop.run()
    assert done.returncode == 0, done.stdout
    assert "│ 2!" in done.stdout
    assert "↷ c: its condition is false: branch == 'other'" in done.stdout


def test_first_failure_of_a_matrix_ends_the_others_unless_it_says_otherwise(shop: Shop) -> None:
    stage = 'stages: [{name: a, matrix: {x: [1, 2, 3]FAST}, steps: [{run: "echo \\"x=${{ matrix.x }}.\\"; exit 1"}]}]\n'
    shop.write(stage.replace("FAST", ""))
    fast = shop.run().stdout
    assert ("x=1." in fast, "x=2." in fast) == (True, False)
    shop.write(stage.replace("FAST", ", fail_fast: false"))
    assert "x=3." in shop.run().stdout


def test_approvals_are_asked_for(shop: Shop) -> None:
    shop.write(
        "stages:\n  - {name: gate, approval: {count: 1}, steps: [{run: echo through}]}\n"
        "  - {name: never, approval: {count: 1}, steps: [{run: echo never}]}\n"
    )
    answered = shop.run(answers="y\nn\n")
    assert answered.returncode == 1
    assert "│ through" in answered.stdout
    assert "│ never" not in answered.stdout
    assert "✗ never: rejected" in answered.stdout
    assert "│ never" in shop.run("--yes").stdout
    unanswered = shop.run()
    assert unanswered.returncode == 1
    assert "--yes" in unanswered.stdout


def test_inputs_are_checked_and_given(shop: Shop) -> None:
    shop.write(
        "trigger: {manual: {inputs: {n: {type: number, default: 1}}}}\n"
        "stages: [{name: a, steps: [{run: 'echo \"n is ${{ inputs.n }}\"'}]}]\n"
    )
    assert "n is 1" in shop.run().stdout
    assert "n is 7" in shop.run("-i", "n=7").stdout
    refused = shop.run("-i", "n=seven")
    assert refused.returncode == 6
    assert "[bad-input]" in refused.stdout


def test_interrupt_cancels_as_a_server_does_and_cleans_up(shop: Shop) -> None:
    shop.write(
        "stages:\n  - name: slow\n    steps: [{run: echo began; sleep 100}, {run: echo cleaned, if: always()}]\n"
        "  - {name: after, needs: [slow], steps: [{run: echo after}]}\n"
        "  - {name: last, needs: [slow], if: always(), steps: [{run: echo last}]}\n"
    )
    process = shop.start()
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith("│ began\n"):
            process.send_signal(signal.SIGINT)
            break
    rest = process.stdout.read()
    assert process.wait(SECONDS) == 130
    assert "│ cleaned" in rest
    assert "│ last" in rest
    assert "│ after" not in rest
    assert "shop: cancelled" in rest
    assert not list(shop.cache.glob("sealane/local-*"))


EXAMPLES = {
    "hello": ("works in local",),
    "diamond": ("total 2.30", "to production"),
    "matrix": ("│ 10", "│ 1000", "│ 5000", "note on request", "the tests were a success"),
    "nightly": ("good night", "round 3 of 3", "release skipped"),
    "exclusive": ("deploying the website of main",),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name: str, shop: Shop) -> None:
    shutil.copytree(ROOT / "examples" / name, shop.tree.path, dirs_exist_ok=True)
    done = shop.run("--yes")
    assert done.returncode == 0, done.stdout
    assert all(words in done.stdout for words in EXAMPLES[name]), done.stdout


def test_first_example_of_the_documentation_goes_as_far_as_its_tools_are_there(shop: Shop) -> None:
    shutil.copytree(ROOT / "examples" / "build-and-deploy", shop.tree.path, dirs_exist_ok=True)
    done = shop.run()
    assert "working tree at" in done.stdout
    if shutil.which("npm") is None:
        assert "✗ build: step 'install': Exit code 127." in done.stdout
    else:
        assert "# pass 2" in done.stdout
        assert "step 'test'" not in done.stdout
