"""The connectors of notifications: what they ask the views, the secrets they are given, the sinks they send to."""

from typing import TYPE_CHECKING

from gateway.version import VERSION
from infra.clock import SystemClock
from infra.keys import InstallationKey
from infra.settings import Settings

if TYPE_CHECKING:
    from agents.connectors.base import Handler
    from agents.connectors.metrics import ConnectorMetrics
    from agents.connectors.notifications.attempt import Deliver
    from agents.connectors.notifications.letter import SmtpServer

# An endpoint that answers late holds a thread for its time limit.
SENDER_THREADS = 16


def notification_handlers(
    settings: Settings, clock: SystemClock, metrics: "ConnectorMetrics"
) -> list[tuple["Handler", int]]:
    """Each with its number of threads."""
    from agents.connectors.notifications.all_told import all_told
    from agents.connectors.notifications.beginnings import Beginnings
    from agents.connectors.notifications.dispatcher import Notifications
    from agents.connectors.notifications.sender import NotificationSender
    from agents.connectors.notifications.subscriptions import Subscriptions
    from infra.postgres.notified import NotifiedViews

    views = NotifiedViews(settings.database_url)
    beginnings = Beginnings(views.first_event)
    dispatcher = Notifications(
        settings.topology,
        clock,
        Subscriptions(views.subscribers, clock),
        beginnings,
        all_told(beginnings, views.with_previous),
        settings.url,
        metrics,
    )
    sender = NotificationSender(settings.topology, clock, make_sinks(settings))
    return [(dispatcher, 2), (sender, SENDER_THREADS)]


def make_sinks(settings: Settings) -> dict[str, "Deliver"]:
    """By kind of subscription."""
    from agents.connectors.notifications.attempt import Secrets
    from agents.connectors.notifications.http_post import HttpPost
    from agents.connectors.notifications.letter import Letter
    from agents.connectors.notifications.slack import Slack
    from agents.connectors.notifications.webhook import Webhook

    key = InstallationKey.load_or_create(settings.data_path)
    secrets = Secrets(settings.secrets.get, key.signing_key)
    post = HttpPost(f"sealane/{VERSION}", settings.notify_private_addresses)
    return {
        "webhook": Webhook(post, secrets),
        "slack": Slack(post, secrets),
        "email": Letter(_smtp_server(settings)),
    }


def _smtp_server(settings: Settings) -> "SmtpServer | None":
    from agents.connectors.notifications.letter import SmtpServer

    smtp = settings.smtp
    if not smtp.host:
        return None
    return SmtpServer(smtp.host, smtp.port, smtp.sender, smtp.security, smtp.username, smtp.password)
