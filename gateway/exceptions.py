"""How exceptions that are not errors of the caller are answered."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from gateway.decisions import PendingDocument
from gateway.errors import ApiError, install_error_handlers, problem_response, request_id_of
from gateway.rest.answers import Json
from gateway.rest.permissions import API
from gateway.writes import Undecided
from projections.queries.cursors import InvalidCursor


def install_exception_handlers(app: FastAPI) -> None:
    """Problems for errors, 202 for a command that is not decided yet."""
    install_error_handlers(app)
    app.add_exception_handler(Undecided, _undecided)
    app.add_exception_handler(InvalidCursor, _invalid_cursor)


async def _undecided(request: Request, error: Exception) -> Response:
    assert isinstance(error, Undecided)
    url = f"{API}/decisions/{error.command_id}"
    detail = "The command is safely in the log and will be decided; nothing has to be sent again."
    return Json(PendingDocument(command_id=error.command_id, detail=detail, decision_url=url), 202, {"Location": url})


async def _invalid_cursor(request: Request, error: Exception) -> Response:
    return problem_response(ApiError(400, "cursor-invalid", str(error)), request_id_of(request))
