"""A stream as the target of a command, with a hint where its events lie."""

from core.eventlog.envelope import Stream
from core.eventlog.serialization import Catalogue
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries.audit import stream_range


async def hinted_target(gateway: GatewayState, stream: Stream, region: str, commands: Catalogue) -> Target:
    """One that left memory is loaded faster so."""
    place = await stream_range(gateway.services.db, str(stream))
    hint = (place.first_offset, place.last_offset) if place else None
    return Target(stream, region, commands, hint)
