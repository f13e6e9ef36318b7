"""The JSON Schema (2020-12) of `delivery.yml`, made from the description that the validator reads by."""

from typing import Any

from core.delivery_file.language import DELIVERY
from core.pipeline.schema import DIALECT, published


def delivery_schema() -> dict[str, Any]:
    """For editors: names, types and patterns. What looks at several keys together only `sealane lint` checks."""
    return {"$schema": DIALECT, "title": "Sealane delivery", "description": DELIVERY.doc, **DELIVERY.schema()}


def delivery_schema_text() -> str:
    """As published in docs/delivery.schema.json."""
    return published(delivery_schema())
