"""Whatever a `delivery.yml` holds: an answer, the same each time, every problem inside the file, sound settings."""

import msgspec
import yaml
from hypothesis import given as randomly
from hypothesis import settings
from hypothesis import strategies as some

from core.delivery_file.document import read_delivery
from core.delivery_file.language import DELIVERY, ENVIRONMENT
from core.environments.rules import problems_of
from core.environments.settings import EnvironmentSettings
from tests.support.delivery_files import SOUND
from tests.support.likely_files import likely, texts

# A file with something that is right around what is random, so that checks of several keys come to their turn.
ENVIRONMENTS = some.dictionaries(some.sampled_from(["dev", "live"]), likely(ENVIRONMENT), min_size=1)


def check(source: bytes) -> None:
    first, second = read_delivery(source), read_delivery(source)
    assert first == second
    lines = source.decode("utf-8", "replace").splitlines()
    for problem in first.problems:
        assert problem.code.replace("-", "").isalnum(), problem
        assert 1 <= problem.line <= len(lines) + 1, problem
        assert problem.column >= 1
        assert problem.message == problem.message.strip() != ""
    assert not (first.problems and first.environments)
    assert problems_of(first.environments) == ()
    stored = msgspec.json.encode(first.environments)
    assert msgspec.json.encode(msgspec.json.decode(stored, type=tuple[EnvironmentSettings, ...])) == stored


@randomly(likely(DELIVERY))
@settings(max_examples=100)
def test_likely_files_get_an_answer(value: object) -> None:
    check(yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))


@randomly(ENVIRONMENTS)
@settings(max_examples=300)
def test_likely_environments_get_an_answer(value: object) -> None:
    check(yaml.safe_dump({"environments": value}, allow_unicode=True).encode("utf-8", "surrogatepass"))


@randomly(some.integers(0, len(SOUND) - 1), some.integers(0, 40), texts)
@settings(max_examples=300)
def test_sound_file_with_a_piece_exchanged_gets_an_answer(start: int, length: int, piece: str) -> None:
    source = SOUND[:start] + piece + SOUND[start + length :]
    check(source.encode("utf-8", "surrogatepass"))
