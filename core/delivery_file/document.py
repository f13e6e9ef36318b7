"""The one way to read `delivery.yml`: `sealane lint` and the webhook path both call this."""

from dataclasses import dataclass
from typing import Final

import msgspec

from core.delivery_file.checks import check_environment
from core.delivery_file.language import DELIVERY
from core.environments.settings import EnvironmentSettings
from core.pipeline.deploying import Environments
from core.pipeline.nodes import Mapping, quoted
from core.pipeline.parse import FileKind, parse
from core.pipeline.problems import Problem
from core.pipeline.report import Report
from core.pipeline.values import Name, Section

DELIVERY_FILE: Final = FileKind("delivery.yml", "environments", "write the values out")
# They travel in one event with the plan, and each rollout's events hold one of them.
MAX_SETTINGS_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Delivery:
    """A file that was read. With `problems` there are no `environments`; `warnings` hinder nothing.

    `regions` are those of each environment that it names, right or wrong: what a pipeline may deploy to. None where
    that can't be told.
    """

    file: str
    problems: tuple[Problem, ...]
    environments: tuple[EnvironmentSettings, ...] = ()
    regions: Environments | None = None
    warnings: tuple[str, ...] = ()


def delivery_path(pipeline_path: str) -> str:
    """The file stands beside the pipeline file."""
    folder, slash, _ = pipeline_path.rpartition("/")
    return f"{folder}{slash}delivery.yml"


def read_delivery(source: bytes, file: str = "delivery.yml", app: str = "") -> Delivery:
    """Never raises: whatever is wrong is in `problems`. `app`: whose repository the file stands in, where known."""
    report = Report(file)
    root = parse(source, report, DELIVERY_FILE)
    section = DELIVERY.read(root, "", report) if root is not None else None
    if not isinstance(section, Section):
        return Delivery(file, report.problems())
    environments = _environments(section, report)
    _check_app(section.get("app"), app, report)
    settings = environments if report.clean else ()
    return Delivery(file, report.problems(), settings, _regions(section), tuple(report.warnings))


def _environments(section: Section, report: Report) -> tuple[EnvironmentSettings, ...]:
    given = section.get("environments")
    if given == {} and report.clean:
        report.add(section.place("environments"), "empty-list", "there are no environments", "environments", "add one")
    found = tuple(check_environment(name, each, report) for name, each in (given or {}).items())
    size = len(msgspec.json.encode(found))
    if size > MAX_SETTINGS_BYTES:
        message = f"the environments take {size:,} bytes, at most {MAX_SETTINGS_BYTES:,} are allowed"
        hint = "move long commands and bodies into files of the repository"
        report.add(section.place("environments"), "environments-too-large", message, "environments", hint)
    return found


def _regions(section: Section) -> Environments | None:
    """By the names as the author wrote them, so that one mistake is not told twice."""
    written = section.node.values.get("environments")
    if not isinstance(written, Mapping):
        return None
    read: dict[str, Section] = section.get("environments", {})
    return {
        name: tuple(region.text for region in read[name].get("regions", [])) if name in read else ()
        for name in written.values
    }


def _check_app(given: Name | None, app: str, report: Report) -> None:
    if given is not None and app and given.text != app:
        message = f"this file is about app {quoted(given.text)}, and stands in the repository of '{app}'"
        report.add(given.node, "wrong-app", message, given.path, f"write 'app: {app}', or remove the line")
