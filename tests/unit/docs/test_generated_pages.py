"""Pages that are generated from the code are those that are committed."""

import pytest

from infra.make_docs import DOCS, generated

PAGES = ("pipeline-reference.md", "pipeline.schema.json", "delivery-reference.md", "delivery.schema.json", "cli.md")


@pytest.mark.parametrize("name", PAGES)
def test_committed_page_is_the_generated_one(name: str) -> None:
    assert (DOCS / name).read_text() == generated()[name], "run 'make docs' and commit"
