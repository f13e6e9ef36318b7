"""What the log's bounds are is asked anew where no answer came in time: a busy broker is slow, a lost one silent."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from core.ports import LogUnavailable
from infra.kafka.reader import answer


def answers(*outcomes: int | Exception) -> Callable[[], int]:
    left = list(outcomes)

    def ask() -> int:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask


def kafka(code: int) -> KafkaException:
    return KafkaException(KafkaError(code))


@pytest.mark.parametrize("late", [TimeoutError(), kafka(KafkaError._TIMED_OUT)], ids=["future", "client"])
def test_question_without_an_answer_is_asked_anew(late: Exception) -> None:
    assert answer(answers(late, late, 7), "asking") == 7


def test_silence_ends_as_unavailable() -> None:
    with pytest.raises(LogUnavailable, match="asking for the end"):
        answer(answers(TimeoutError(), TimeoutError(), TimeoutError()), "asking for the end")


def test_broker_that_is_away_is_not_asked_again() -> None:
    with pytest.raises(LogUnavailable):
        answer(answers(kafka(KafkaError._ALL_BROKERS_DOWN), 7), "asking")
