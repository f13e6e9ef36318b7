"""What a person gave to a manual run, against what the file asks for: types, defaults, options."""

import re
from typing import Any, Final

from core.pipeline.nodes import quoted
from core.pipeline.report import Report, did_you_mean
from core.pipeline.trigger import Input
from core.pipeline.values import Section

MAX_INPUT: Final = 10_000
# Exact in every language that will read it.
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)


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


def check_input(name: str, given: Section, report: Report) -> None:
    """The declaration itself: options where they belong, and a default that fits."""
    options, wanted = given.get("options"), input_of(given)
    if wanted.type == "choice" and not given.has("options"):
        report.add(given.node, "missing-key", f"input '{name}' is a choice and needs 'options'", given.path)
    if wanted.type != "choice" and given.has("options"):
        report.add(
            given.place("options"), "conflicting-keys", "'options' belong to type 'choice'", given.path_of("options")
        )
    default = given.node.values.get("default")
    if wanted.default is None or default is None or (wanted.type == "choice" and not options):
        return
    if _value(wanted, wanted.default) is None:
        message = f"the default {quoted(wanted.default)} is not {_expected(wanted)}"
        report.add(
            default, "bad-default", message, given.path_of("default"), did_you_mean(wanted.default, options or ())
        )


def _typed(name: str, wanted: Input, text: str | None, section: Section, report: Report) -> Any:
    """The value by its type; an optional input without one is 0, false or empty."""
    if text is None:
        return {"number": 0, "boolean": False}.get(wanted.type, "")
    value = _value(wanted, text)
    if value is None:
        message = f"input '{name}' must be {_expected(wanted)}, not {quoted(text)}"
        report.add(section.node, "bad-input", message, section.path, did_you_mean(text, _words(wanted)))
    return value


def _value(wanted: Input, text: str) -> str | int | float | bool | None:
    """None where the text is not of the type."""
    match wanted.type:
        case "boolean":
            return {"true": True, "false": False}.get(text)
        case "number" if _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        case "choice" if text in wanted.options:
            return text
        case "string" if "\0" not in text and len(text) <= MAX_INPUT:
            return text
    return None


def _words(wanted: Input) -> tuple[str, ...]:
    return ("true", "false") if wanted.type == "boolean" else wanted.options


def _expected(wanted: Input) -> str:
    match wanted.type:
        case "choice":
            return f"one of {', '.join(wanted.options)}"
        case "boolean":
            return "true or false"
        case "number":
            return "a number of at most 15 digits"
    return f"a text of at most {MAX_INPUT:,} characters without NUL"
