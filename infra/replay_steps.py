"""The two parts of `sealane replay --verify`: the log and the states, then the views."""

import time
from datetime import datetime

import psycopg

from core.eventlog.envelope import Stream
from infra.long_work import NewStep
from infra.replay_report import Report
from infra.settings import Settings
from infra.wiring.parts import replaying, views_place
from projections.projector import LogMismatch
from projections.rebuild import RebuildHalted
from projections.verify import verify as verify_views


def replay_log(
    settings: Settings, report: Report, until: datetime | None, only: Stream | None, verify: bool, step: NewStep
) -> None:
    began = time.monotonic()
    work = replaying(settings, until, only)
    try:
        report.log = work.run(verify, step("replaying", "offsets"))
    finally:
        work.close()
    report.log_seconds = time.monotonic() - began


def compare_views(settings: Settings, report: Report, until: datetime | None, step: NewStep) -> None:
    """What a damaged log keeps from being projected is said with what was found in the log itself."""
    began = time.monotonic()
    try:
        report.views = verify_views(
            views_place(settings), step("projecting again", "records"), step("comparing", "rows"), until
        )
    except (LogMismatch, RebuildHalted) as error:
        report.views_problem = str(error)
    except psycopg.OperationalError as error:
        report.views_problem = f"Postgres can't be used: {str(error).strip()}"
    report.view_seconds = time.monotonic() - began
