"""What a person gave to a manual run, against what the file asks for: types, defaults, options."""

from typing import Any

from core.pipeline.nodes import quoted
from core.pipeline.report import Report, did_you_mean
from core.pipeline.trigger import Input
from core.pipeline.values import Section


def declared_inputs(trigger: Section | None) -> dict[str, Section]:
    manual = trigger.get("manual") if trigger is not None else None
    return manual.get("inputs", {}) if isinstance(manual, Section) else {}


def input_of(given: Section) -> Input:
    return Input(
        type=given.get("type", "string"),
        description=given.get("description", ""),
        required=given.get("required", False),
        default=given.get("default"),
        options=tuple(given.get("options", ())),
    )


def resolve_inputs(declared: dict[str, Section], given: dict[str, str], manual: bool, report: Report) -> dict[str, Any]:
    """The values by name, typed. What is wrong is reported at the input's declaration."""
    values: dict[str, Any] = {}
    for name, section in declared.items():
        wanted = input_of(section)
        text = given.get(name, wanted.default)
        if text is None and wanted.required and manual:
            report.add(
                section.node, "input-missing", f"input '{name}' is required", section.path, f"give --input {name}=…"
            )
        values[name] = _typed(name, wanted, text, section, report)
    for name in given:
        if name not in declared:
            hint = did_you_mean(name, declared) or f"the file asks for: {', '.join(declared) or 'nothing'}"
            report.at(1, 1, "unknown-input", f"unknown input {quoted(name)}", "trigger.manual.inputs", hint)
    return values


def _typed(name: str, wanted: Input, text: str | None, section: Section, report: Report) -> Any:
    if text is None:
        return {"number": 0, "boolean": False}.get(wanted.type, "")
    if wanted.type == "boolean" and text in ("true", "false"):
        return text == "true"
    if wanted.type == "number":
        try:
            return int(text) if text.lstrip("-").isdigit() else float(text)
        except ValueError:
            pass
    if wanted.type == "string" or (wanted.type == "choice" and text in wanted.options):
        return text
    expected = f"one of {', '.join(wanted.options)}" if wanted.options else f"a {wanted.type}"
    report.add(section.node, "bad-input", f"input '{name}' must be {expected}, not {quoted(text)}", section.path)
    return ""
