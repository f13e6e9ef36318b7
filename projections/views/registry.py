"""All views: from a record of any topic to the row changes it means."""

from core.eventlog.topics import DEAD_LETTERS_TOPIC, WEBHOOKS_TOPIC
from core.ports import Record
from projections.changes import Changes
from projections.facts import Fact, catalogue_of, read_envelope, read_message
from projections.views.all_views import VIEWS
from projections.views.handlers import Handler
from projections.views.logbook import record_dead_letter, record_delivery, record_event


def _by_kind_and_type() -> dict[tuple[str, str], tuple[Handler, ...]]:
    found: dict[tuple[str, str], tuple[Handler, ...]] = {}
    for view in VIEWS:
        for type_name, handler in view.by_type.items():
            key = (view.kind, type_name)
            found[key] = (*found.get(key, ()), handler)
    return found


_HANDLERS = _by_kind_and_type()


def project(record: Record, changes: Changes) -> None:
    """Add what `record` changes. Raises Unreadable, and has then added nothing."""
    if record.topic == WEBHOOKS_TOPIC:
        record_delivery(record, changes)
    elif record.topic == DEAD_LETTERS_TOPIC:
        record_dead_letter(record, changes)
    else:
        _project_event(record, changes)


def _project_event(record: Record, changes: Changes) -> None:
    event, written = read_envelope(record)
    identity, catalogue = catalogue_of(event)
    kind = event.stream[: -len(identity) - 1]
    handlers = _HANDLERS.get((kind, event.type), ())
    fact = Fact(event, read_message(event, catalogue), identity, record) if handlers else None
    record_event(record, event, written, changes)
    for handler in handlers:
        assert fact is not None
        handler(fact, changes)
