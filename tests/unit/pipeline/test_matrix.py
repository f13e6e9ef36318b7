"""What jobs a matrix stands for."""

from core.pipeline.plan import JobPlan
from tests.support.pipeline_files import planned


def jobs(matrix: str, more: str = "") -> tuple[JobPlan, ...]:
    source = f"stages:\n  - name: a\n    matrix: {matrix}\n    steps: [{{run: 'echo ${{{{ matrix.x }}}}'}}]\n{more}"
    return planned(source).stages[0].jobs


def test_one_job_for_each_combination_in_the_order_of_the_axes() -> None:
    made = jobs("{x: [1, 2], y: [a, b]}")
    assert [(job.id, job.name) for job in made] == [
        ("a-1", "a (1, a)"),
        ("a-2", "a (1, b)"),
        ("a-3", "a (2, a)"),
        ("a-4", "a (2, b)"),
    ]
    assert made[2].matrix == {"x": "2", "y": "a"}
    assert made[2].steps[0].env == {"SEALANE_EXPR_1": "2"}


def test_exclude_takes_out_whatever_its_values_fit() -> None:
    made = jobs("{x: [1, 2, 3], y: [a, b], exclude: [{x: 1}, {x: 2, y: b}]}")
    assert [tuple(job.matrix.values()) for job in made] == [("2", "a"), ("3", "a"), ("3", "b")]


def test_include_adds_values_where_it_fits_and_a_job_where_it_does_not() -> None:
    made = jobs("{x: [1, 2], include: [{x: 2, note: extra}, {x: 9}, {note: everywhere}]}")
    assert [job.matrix for job in made] == [
        {"x": "1", "note": "everywhere"},
        {"x": "2", "note": "everywhere"},
        {"x": "9"},
    ]


def test_include_alone_is_a_matrix() -> None:
    assert [job.matrix for job in jobs("{include: [{x: 1}, {x: 2}]}")] == [{"x": "1"}, {"x": "2"}]


def test_value_that_only_other_jobs_have_is_empty() -> None:
    source = (
        "stages:\n  - name: a\n    matrix: {x: [1], include: [{x: 2, note: n}]}\n"
        "    steps: [{run: x, if: matrix.note != ''}, {run: 'echo \"${{ matrix.note }}\"'}]\n"
    )
    made = planned(source).stages[0].jobs
    assert [job.steps[0].when for job in made] == [(), ("success",)]
    assert [job.steps[1].env["SEALANE_EXPR_1"] for job in made] == ["", "n"]


def test_texts_of_a_matrix_stay_as_written() -> None:
    assert [job.matrix["x"] for job in jobs("{x: [3.10, 007, yes, '']}")] == ["3.10", "007", "yes", ""]


def test_pool_and_name_may_depend_on_the_combination() -> None:
    source = (
        "stages:\n  - name: a\n    matrix: {region: [us-east, eu-west]}\n    pool: ${{ matrix.region }}/default\n"
        "    steps: [{run: x, name: 'in ${{ matrix.region }}'}]\n"
    )
    made = planned(source).stages[0].jobs
    assert [(job.region, job.pool, job.steps[0].name) for job in made] == [
        ("us-east", "default", "in us-east"),
        ("eu-west", "default", "in eu-west"),
    ]
