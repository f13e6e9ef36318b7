"""Runs: lists, the one document of a run, following it live, and what people may do with it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from core.eventlog.envelope import Stream
from core.ids import region_of_run
from core.runs.commands import COMMANDS, ApproveStage, CancelRun, RerunRun
from gateway.dependencies import Caller, Gateway, NamePart, RunPart, Writing
from gateway.errors import ApiError
from gateway.realtime.run_watch import run_documents
from gateway.realtime.sse import event_stream
from gateway.rest.answers import Json, answers, decided, decides, streams
from gateway.rest.inputs import Cancellation, Rerun, Vote
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.rest.run_lookup import existing_run
from gateway.state import GatewayState
from gateway.writes import Target
from projections.queries import audit
from projections.queries import runs as queries
from projections.queries.run_detail import run_detail
from projections.queries.run_types import Run, RunDetail
from projections.queries.runs import RunFilter
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["runs"])
