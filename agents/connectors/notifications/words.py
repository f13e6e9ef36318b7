"""A notification in words, for chats and letters."""

from core.notifications.cdevents import names_of
from core.notifications.notification import Notification


def facts(notification: Notification) -> dict[str, str]:
    """What is known beside the title, by name, in the order in which people want it."""
    custom = notification.event.get("customData", {})
    details = {
        "App": notification.app,
        "Environment": notification.environment,
        "Region": notification.region,
        "Release": custom.get("release", ""),
        "Commit": str(custom.get("commit", ""))[:12],
        "By": custom.get("by", ""),
        "Why": custom.get("detail") or custom.get("code", ""),
        "Event": names_of(notification.type)[2],
    }
    return {name: str(value) for name, value in details.items() if value}
