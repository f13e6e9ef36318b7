"""What is wrong with a request, said for people: the validator's errors as input problems."""

from typing import Any

import msgspec


class InputProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request. `pointer` is a JSON pointer (RFC 6901) into the body, or a name."""

    location: str
    pointer: str
    code: str
    message: str


_NOT_AN_OBJECT = ("model_attributes_type", "model_type", "dict_type")
_WORDS = {"extra_forbidden": "is not known here", **dict.fromkeys(_NOT_AN_OBJECT, "must be a JSON object")}
_NO_BODY = "the body is missing; send a JSON object, {} where there is nothing to say"


def json_place(errors: list[Any]) -> str | None:
    """Why and where the body is no JSON; None where it is."""
    error = next((error for error in errors if error["type"] == "json_invalid"), None)
    if error is None:
        return None
    reason = error.get("ctx", {}).get("error", error["msg"])
    place = error["loc"][-1] if len(error["loc"]) > 1 else 0
    return f"{reason} at character {place}"


def is_no_json(errors: list[Any], media_type: str) -> bool:
    """Whether the body was not read as JSON because it says that it is something else."""
    unread = any(error["type"] in _NOT_AN_OBJECT and error["loc"] == ("body",) for error in errors)
    kind = media_type.partition(";")[0].strip().lower()
    return unread and kind != "application/json" and not kind.endswith("+json")


def input_problems(errors: list[Any]) -> list[InputProblem]:
    return list(map(_input_problem, errors))


def _input_problem(error: Any) -> InputProblem:
    location, *path = error["loc"] or ("body",)
    escaped = [str(part).replace("~", "~0").replace("/", "~1") for part in path]
    pointer = "#/" + "/".join(escaped) if location == "body" else ".".join(map(str, path))
    return InputProblem(
        str(location), "#" if pointer == "#/" else pointer, error["type"].replace("_", "-"), _message(error)
    )


def _message(error: Any) -> str:
    kind = error["type"]
    if kind == "missing" and error["loc"] == ("body",):
        return _NO_BODY
    if kind == "string_pattern_mismatch":
        return f"{str(error['input'])[:100]!r} does not have the form {error['ctx']['pattern']}"
    return _WORDS.get(kind) or str(error["msg"]).removeprefix("Value error, ")
