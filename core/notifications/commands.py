"""What can be asked of a subscription (`subscription/<name>`), in the home region."""

from core.aggregate import Tick
from core.eventlog.serialization import Catalogue, Message
from core.notifications.notification import Notification, Sink, Wanted


class CreateSubscription(Message, frozen=True, kw_only=True):
    TYPE = "subscription.create"
    name: str
    sink: Sink
    wanted: Wanted = Wanted()


class UpdateSubscription(Message, frozen=True, kw_only=True):
    """None leaves a value as it is. What waits to be delivered goes to the new address."""

    TYPE = "subscription.update"
    url: str | None = None
    url_secret: str | None = None
    address: str | None = None
    signing_secret: str | None = None
    types: tuple[str, ...] | None = None
    apps: tuple[str, ...] | None = None
    environments: tuple[str, ...] | None = None


class RotateSecret(Message, frozen=True, kw_only=True):
    """The next of the installation's own secrets signs from now on; the one before it signs too, for so long."""

    TYPE = "subscription.rotate_secret"
    keep_old_seconds: float = 86_400


class EnableSubscription(Message, frozen=True, kw_only=True):
    TYPE = "subscription.enable"
    by: str


class DisableSubscription(Message, frozen=True, kw_only=True):
    """Nothing is sent any more; what waited is dropped, on record."""

    TYPE = "subscription.disable"
    by: str
    reason: str = ""


class Notify(Message, frozen=True, kw_only=True):
    """Deliver this. One that is on its way already is not begun again. `manual`: somebody asked for it just now."""

    TYPE = "notification.send"
    notification: Notification
    manual: bool = False


class ReportAttempt(Message, frozen=True, kw_only=True):
    """What became of attempt number `attempt`. `status` is the HTTP or SMTP status, 0 where none came.

    `gone`: the endpoint wants no more of this, ever. `final`: another attempt of this one is useless.
    `retry_after_seconds`: what the endpoint asked for.
    """

    TYPE = "notification.report_attempt"
    id: str
    attempt: int
    ok: bool
    status: int = 0
    code: str = ""
    detail: str = ""
    duration_ms: int = 0
    gone: bool = False
    final: bool = False
    retry_after_seconds: float | None = None


SUBSCRIPTION_COMMANDS = Catalogue(
    (
        Tick,
        CreateSubscription,
        UpdateSubscription,
        RotateSecret,
        EnableSubscription,
        DisableSubscription,
        Notify,
        ReportAttempt,
    )
)
