"""How exceptions that are not errors of the caller are answered."""

import logging

from fastapi import FastAPI, Request
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.responses import Response

from gateway.decisions import PendingDocument
from gateway.errors import ApiError, answer_problem, install_error_handlers
from gateway.rest.answers import Json
from gateway.rest.permissions import API
from gateway.writes import Undecided
from projections.queries.cursors import InvalidCursor

_log = logging.getLogger(__name__)


def install_exception_handlers(app: FastAPI) -> None:
    """Problems for errors, 202 for a command that is not decided yet."""
    install_error_handlers(app)
    app.add_exception_handler(Undecided, _undecided)
    app.add_exception_handler(InvalidCursor, _invalid_cursor)
    app.add_exception_handler(DataError, _invalid_value)
    for away in (OperationalError, InterfaceError, PoolExhausted):
        app.add_exception_handler(away, _views_unavailable)


async def _undecided(request: Request, error: Exception) -> Response:
    assert isinstance(error, Undecided)
    url = f"{API}/decisions/{error.command_id}"
    detail = "The command is safely in the log and will be decided; nothing has to be sent again."
    return Json(PendingDocument(command_id=error.command_id, detail=detail, decision_url=url), 202, {"Location": url})


async def _invalid_cursor(request: Request, error: Exception) -> Response:
    return await answer_problem(request, ApiError(400, "cursor-invalid", str(error)))


async def _invalid_value(request: Request, error: Exception) -> Response:
    reason = str(getattr(error, "orig", error)).splitlines()[0][:200]
    return await answer_problem(request, ApiError(422, "value-invalid", f"A value can't be searched for: {reason}."))


async def _views_unavailable(request: Request, error: Exception) -> Response:
    _log.warning("the views were not available for %s: %s", request.url.path, error)
    detail = "The database of the views can't be reached. Writes that are in the log are safe. Try again."
    return await answer_problem(request, ApiError(503, "views-unavailable", detail, {"Retry-After": "2"}))
