"""Files that come with every push are read once."""

from agents.connectors.documents import LARGEST_KEPT_BYTES, read_delivery, read_pipeline

PIPELINE = b"stages: [{name: out, deploy: dev}]\n"
DELIVERY = b"environments: {dev: {regions: us-east, target: {process: {command: serve}}}}\n"


def test_the_same_bytes_are_the_same_document() -> None:
    assert read_pipeline(PIPELINE, ".pipeline.yml", None) is read_pipeline(
        bytes(bytearray(PIPELINE)), ".pipeline.yml", None
    )
    assert read_delivery(DELIVERY, "delivery.yml", "shop") is read_delivery(DELIVERY, "delivery.yml", "shop")


def test_what_the_answer_depends_on_makes_another_one() -> None:
    alone = read_pipeline(PIPELINE, ".pipeline.yml", None)
    assert not alone.problems
    assert not read_pipeline(PIPELINE, ".pipeline.yml", {"dev": ("us-east",)}).problems
    assert read_pipeline(PIPELINE, ".pipeline.yml", {"prod": ("us-east",)}).problems
    assert read_pipeline(PIPELINE, "other.yml", None).file == "other.yml"
    assert read_pipeline(PIPELINE + b"# more", ".pipeline.yml", None) is not alone


def test_large_files_are_read_each_time() -> None:
    large = PIPELINE + b"#" * LARGEST_KEPT_BYTES
    assert read_pipeline(large, ".pipeline.yml", None) is not read_pipeline(large, ".pipeline.yml", None)
    assert read_delivery(large, "delivery.yml", "a") is not read_delivery(large, "delivery.yml", "a")
