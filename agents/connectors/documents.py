"""Pipeline and delivery files as they were read: most pushes bring those of the push before, and reading a file takes
longer than all else that is done for its run.
"""

from functools import lru_cache

from core.delivery_file.document import Delivery
from core.delivery_file.document import read_delivery as _read_delivery_file
from core.pipeline.deploying import Environments
from core.pipeline.document import Document
from core.pipeline.document import read_pipeline as _read_pipeline_file

KEPT = 128
# What was read takes some twenty times as much memory as the file; larger files are rare, and read each time.
LARGEST_KEPT_BYTES = 64 * 1024


def read_pipeline(source: bytes, file: str, environments: Environments | None) -> Document:
    """See core.pipeline.document: the same document for the same bytes. Nobody may change it."""
    if len(source) > LARGEST_KEPT_BYTES:
        return _read_pipeline_file(source, file, environments)
    return _kept_pipeline(source, file, None if environments is None else tuple(environments.items()))


def read_delivery(source: bytes, file: str, app: str) -> Delivery:
    """See core.delivery_file.document, and read_pipeline."""
    return (_read_delivery_file if len(source) > LARGEST_KEPT_BYTES else _kept_delivery)(source, file, app)


@lru_cache(KEPT)
def _kept_pipeline(source: bytes, file: str, environments: tuple[tuple[str, tuple[str, ...]], ...] | None) -> Document:
    return _read_pipeline_file(source, file, None if environments is None else dict(environments))


@lru_cache(KEPT)
def _kept_delivery(source: bytes, file: str, app: str) -> Delivery:
    return _read_delivery_file(source, file, app)
