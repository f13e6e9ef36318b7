"""The JSON Schema (2020-12) of the pipeline file, made from the description that the validator reads by."""

from typing import Any

import msgspec

from core.pipeline.language import PIPELINE

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, Any]:
    """For editors: names, types and patterns. What looks at several keys together only `sealane lint` checks."""
    return {"$schema": DIALECT, "title": "Sealane pipeline", "description": PIPELINE.doc, **PIPELINE.schema()}


def schema_text() -> str:
    """As published in docs/pipeline.schema.json."""
    return published(pipeline_schema())


def published(schema: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
