"""The Slack sink: an incoming webhook's JSON, which Mattermost, Rocket.Chat and others take too."""

from typing import Any

import msgspec

from agents.connectors.notifications.attempt import Attempt, Outcome, Secrets
from agents.connectors.notifications.http_post import HttpPost
from agents.connectors.notifications.words import facts
from core.notifications.notification import Notification

# What Slack takes at most in the text of one block.
MOST_CHARACTERS = 2900
_SIGNS = {"good": ":white_check_mark: ", "bad": ":x: "}


class Slack:
    """See Deliver."""

    def __init__(self, post: HttpPost, secrets: Secrets) -> None:
        self._post = post
        self._secrets = secrets

    def __call__(self, attempt: Attempt) -> Outcome:
        url = self._secrets.named(attempt.sink.url_secret)
        body = msgspec.json.encode(message(attempt.notification))
        return self._post(url, {"Content-Type": "application/json; charset=utf-8"}, body)


def message(notification: Notification) -> dict[str, Any]:
    """`text` is what notices and screen readers show; the blocks are what the channel shows."""
    title = _escaped(notification.title)
    headline = f"*<{notification.link}|{title}>*" if notification.link else f"*{title}*"
    details = " · ".join(f"{name}: {_escaped(value)}" for name, value in facts(notification).items())
    return {
        "text": _SIGNS.get(notification.tone, "") + title,
        "blocks": [
            {"type": "section", "text": _mrkdwn(_SIGNS.get(notification.tone, "") + headline)},
            {"type": "context", "elements": [_mrkdwn(details)]},
        ],
    }


def _mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text[:MOST_CHARACTERS]}


def _escaped(text: str) -> str:
    """Slack's three; a title's own `|` or `*` only looks odd."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
