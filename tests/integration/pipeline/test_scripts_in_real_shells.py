"""What lint says of a `${{ }}` in a script, against what bash and sh really do with it."""

import subprocess
from pathlib import Path

import pytest

from tests.support.pipeline_files import only_job, problems_of

EVIL = "$(touch pwned) `touch pwned` \"; touch pwned; ' ${HOME} * \\ ${{ commit }} #"
NUMBER_EVIL = "a[$(touch pwned)]"
ADDRESS = "@"

REPLACED = {
    "in double quotes": 'printf "%s" "@"',
    "between texts": 'printf "%s" "<@>"',
    "a single quote inside double quotes": 'printf "%s" "it\'s @"',
    "in an assignment": 'x=@; printf "%s" "$x"',
    "in a here-document": "cat <<EOF\n@\nEOF",
    "in a here-document with quotes in it": "cat <<EOF\n'@'\nEOF",
    "in an indented here-document": "cat <<-EOF\n\t@\n\tEOF",
    "in the second of two here-documents": "cat <<A - <<'B'\na\nA\nb\nB\ncat <<C\n@\nC",
    "in a command substitution": 'printf "%s" "$(printf "%s" "@")"',
    "in backquotes": 'x=`printf %s "@"`; printf %s "$x"',
    "in a default": 'printf "%s" "${nothing:-@}"',
    "after a comment with a quote": "# don't\nprintf '%s' \"@\"",
    "after single quotes": "printf '%s' \"@\"",
    "behind case in a substitution": 'y="$(case a in a) echo x;; esac)"; printf "%s" "@"',
    "after an escaped quote": 'printf "%s" "\\"@"',
    "after an escaped backslash": 'printf "%s" "\\\\@"',
}
NOT_REPLACED = {
    "in single quotes": "printf '%s' '@'",
    "in single quotes of a substitution": "printf \"%s\" \"$(printf '%s' '@')\"",
    "in a here-document with a quoted delimiter": "cat <<'EOF'\n@\nEOF",
    "in a here-document with an escaped delimiter": "cat <<\\EOF\n@\nEOF",
    "behind a backslash": 'printf "%s" "\\@"',
    "behind a backslash in a here-document": "cat <<EOF\n\\@\nEOF",
    "in single quotes behind a here-document": "cat <<EOF >&2\nit's\nEOF\nprintf '%s' '@'",
    "in single quotes of a default": "printf \"%s\" ${nothing:-'@'}",
}
ARITHMETIC = {
    "arithmetic expansion": "echo $((@ + 1))",
    "arithmetic command": "((x = @)) || true",
    "numbers compared": "[[ @ -eq 1 ]] || true",
    "a subscript": "y=(1); y[@]=2",
    "a subscript that is read": "y=(1); echo ${y[@ + 0]}",
    "a part of a text": "y=abc; echo ${y:@:1}",
}


def file_of(script: str, shell: str, expression: str = "inputs.evil") -> str:
    body = "".join(f"          {line}\n" for line in script.replace(ADDRESS, f"${{{{ {expression} }}}}").split("\n"))
    return (
        "trigger: {manual: {inputs: {evil: {}, number: {type: number, default: 7}}}}\n"
        f"stages:\n  - name: a\n    steps:\n      - shell: {shell}\n        run: |\n{body}"
    )


def executed(source: str, folder: Path, evil: str) -> str:
    step = only_job(source, event="manual", inputs={"evil": evil}).steps[0]
    script = folder / "script"
    script.write_text(step.run or "")
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | {
        name: text.replace("${{ '$' + '{{' }}", "${{") for name, text in step.env.items()
    }
    command = ("bash", "--noprofile", "--norc", "-e", script.name) if step.shell == "bash" else ("sh", script.name)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize("case", REPLACED)
def test_value_is_replaced_as_plain_text_and_nothing_of_it_is_run(case: str, shell: str, tmp_path: Path) -> None:
    source = file_of(REPLACED[case], shell)
    assert problems_of(source) == ()
    assert EVIL in executed(source, tmp_path, EVIL)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("case", NOT_REPLACED)
def test_place_where_a_shell_replaces_nothing_is_refused(case: str, tmp_path: Path) -> None:
    (problem,) = problems_of(file_of(NOT_REPLACED[case], "bash"))
    assert problem.code == "expression-not-replaced"
    written = tmp_path / "script"
    written.write_text(NOT_REPLACED[case].replace(ADDRESS, "${SEALANE_EXPR_1}"))
    done = subprocess.run(
        ("bash", written.name), cwd=tmp_path, env={"SEALANE_EXPR_1": "x y"}, capture_output=True, text=True, check=True
    )
    assert "SEALANE_EXPR_1" in done.stdout


@pytest.mark.parametrize("case", ARITHMETIC)
def test_arithmetic_takes_numbers_only_because_a_shell_runs_what_texts_say_there(case: str, tmp_path: Path) -> None:
    (problem,) = problems_of(file_of(ARITHMETIC[case], "bash"))
    assert problem.code == "expression-evaluated"
    assert problems_of(file_of(ARITHMETIC[case], "bash", "inputs.number")) == ()
    assert problems_of(file_of(ARITHMETIC[case], "bash", "int(inputs.evil)")) == ()
    written = tmp_path / "script"
    written.write_text(ARITHMETIC[case].replace(ADDRESS, "${SEALANE_EXPR_1}"))
    environment = {"PATH": "/usr/bin:/bin", "SEALANE_EXPR_1": NUMBER_EVIL}
    subprocess.run(("bash", written.name), cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (tmp_path / "pwned").exists()
