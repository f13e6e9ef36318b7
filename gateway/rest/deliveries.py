"""Webhook deliveries: what came in, what became of each, and replaying one."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.dependencies import Caller, Gateway, IdPart
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.services import Redelivered
from projections.queries import deliveries as delivery_queries
from projections.queries.types import Delivery, DeliveryWithBody, Page

router = APIRouter(prefix=API, tags=["deliveries"])


@router.get("/deliveries", **answers(Page[Delivery]))
async def list_deliveries(
    gateway: Gateway,
    app: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """Webhook deliveries and what became of each, newest first."""
    return Json(await delivery_queries.list_deliveries(gateway.services.db, app, cursor, limit))


@router.get("/deliveries/{delivery}", **answers(DeliveryWithBody))
async def get_delivery(delivery: IdPart, gateway: Gateway) -> Json:
    """One delivery with its headers and its body (base64)."""
    found = await delivery_queries.get_delivery(gateway.services.db, delivery)
    if found is None:
        raise ApiError(404, "delivery-unknown", f"There is no delivery '{delivery}'.")
    return Json(found)


@router.post("/deliveries/{delivery}/redeliver", **answers(Redelivered, 202, "The replay is in the log."))
async def redeliver(delivery: IdPart, gateway: Gateway, caller: Caller) -> Json:
    """Replay a delivery as it was received. It makes a run only if the first one did not."""
    return Json(await gateway.services.redeliver(delivery, caller.name), 202)
