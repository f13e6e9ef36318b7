"""The rules of CDEvents 0.5.1 and of CloudEvents 1.0 (structured mode) as JSON Schema (2020-12), for what we send.

Written from the specification (cdevents.dev, schemas of v0.5.1); `links`, which we don't send, are left out.
"""

from typing import Any, Final

Json = dict[str, Any]
TEXT: Final[Json] = {"type": "string"}
WORD: Final[Json] = TEXT | {"minLength": 1}
URI: Final[Json] = TEXT | {"format": "uri"}
URI_REFERENCE: Final[Json] = WORD | {"format": "uri-reference"}


def closed(properties: Json, required: tuple[str, ...] = ()) -> Json:
    found: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": list(required)} if required else {})


REFERENCE: Final = closed({"id": WORD, "source": URI_REFERENCE}, ("id",))
PIPELINE_RUN: Final = {"pipelineName": TEXT, "uri": URI}
TASK_RUN: Final = {"taskName": TEXT, "uri": URI, "pipelineRun": REFERENCE}
ENVIRONMENT: Final = {"name": TEXT, "uri": URI}
SERVICE: Final = closed({"environment": REFERENCE, "artifactId": WORD}, ("environment", "artifactId"))
SERVICE_ALONE: Final = closed({"environment": REFERENCE}, ("environment",))
INCIDENT: Final = closed(
    {"description": TEXT, "environment": REFERENCE, "service": REFERENCE, "artifactId": WORD}, ("environment",)
)
OUTCOME: Final = {"type": "string", "enum": ["success", "failure", "cancel", "error"]}
CONTENT: Final[dict[str, Json]] = {
    "pipelinerun.queued": closed(PIPELINE_RUN),
    "pipelinerun.started": closed(PIPELINE_RUN, ("pipelineName", "uri")),
    "pipelinerun.finished": closed(PIPELINE_RUN | {"outcome": OUTCOME, "errors": TEXT}),
    "taskrun.started": closed(TASK_RUN),
    "taskrun.finished": closed(TASK_RUN | {"outcome": TEXT, "errors": TEXT}),
    "artifact.published": closed({"sbom": closed({"uri": URI_REFERENCE}, ("uri",)), "user": WORD}),
    "environment.created": closed(ENVIRONMENT),
    "environment.modified": closed(ENVIRONMENT),
    "environment.deleted": closed({"name": TEXT}),
    "service.deployed": SERVICE,
    "service.upgraded": SERVICE,
    "service.rolledback": SERVICE,
    "service.removed": SERVICE_ALONE,
    "service.published": SERVICE_ALONE,
    "incident.detected": INCIDENT,
    "incident.resolved": INCIDENT,
}
CUSTOM_CONTENT: Final[Json] = {"type": "object", "additionalProperties": True}
CUSTOM_TYPE: Final[Json] = TEXT | {
    "pattern": r"^dev\.cdeventsx\.[a-zA-Z0-9]+-[a-zA-Z]+\.[a-zA-Z]+\.[0-9]\.[0-9]\.[0-9]$"
}


def schema(kind: str) -> Json:
    """Of the standard event `subject.predicate`; of any custom event where the vocabulary has none of that name."""
    known = kind in CONTENT
    type_rule = TEXT | {"enum": [f"dev.cdevents.{kind}.0.3.0"]} if known else CUSTOM_TYPE
    context = {
        "specversion": WORD,
        "id": WORD,
        "source": URI_REFERENCE,
        "type": type_rule,
        "timestamp": TEXT | {"format": "date-time"},
        "schemaUri": WORD | {"format": "uri"},
        "chainId": WORD,
    }
    subject = {"id": WORD, "source": URI_REFERENCE, "content": CONTENT.get(kind, CUSTOM_CONTENT)}
    return closed(
        {
            "context": closed(context, ("specversion", "id", "source", "type", "timestamp")),
            "subject": closed(subject, ("id", "content")),
            "customData": {"oneOf": [{"type": "object"}, {"type": "string", "contentEncoding": "base64"}]},
            "customDataContentType": TEXT,
        },
        ("context", "subject"),
    )


# The attributes of the CloudEvents binding for CDEvents.
CLOUD_EVENT: Final = closed(
    {
        "specversion": {"const": "1.0"},
        "id": WORD,
        "source": URI_REFERENCE,
        "type": WORD,
        "subject": WORD,
        "time": TEXT | {"format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
    },
    ("specversion", "id", "source", "type", "subject", "time", "data"),
)


def check_cdevent(kind: str, event: Json) -> None:
    """Raises jsonschema.ValidationError."""
    _check(schema(kind), event)
    assert event["context"]["specversion"] == "0.5.1"


def check_cloud_event(kind: str, cloud_event: Json) -> None:
    """The CloudEvent, the CDEvent in it, and that both say the same. Raises jsonschema.ValidationError."""
    _check(CLOUD_EVENT, cloud_event)
    event = cloud_event["data"]
    check_cdevent(kind, event)
    context = event["context"]
    for attribute, value in (
        ("id", context["id"]),
        ("source", context["source"]),
        ("type", context["type"]),
        ("time", context["timestamp"]),
        ("subject", event["subject"]["id"]),
    ):
        assert cloud_event[attribute] == value


def _check(rules: Json, document: Json) -> None:
    # Here and not above: it builds dozens of grammars, which takes seconds of every process that collects tests.
    from jsonschema import Draft202012Validator

    Draft202012Validator(rules, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
