"""Where the operator wants to be told: the URLs of Apprise, which hold secrets and are shown nowhere."""

from collections.abc import Sequence

from runbell.alerts.notifier import Notifier, notifiers_of
from runbell.core.errors import SettingsError


def read_notifiers(urls: str | None) -> list[Notifier]:
    """The notifiers of RUNBELL_NOTIFY_URLS.

    Raises:
        SettingsError: Apprise is not installed, or one of the URLs is none that it knows.
    """
    if not urls or not urls.strip():
        return []
    try:
        return list(notifiers_of(urls))
    except ModuleNotFoundError:
        raise SettingsError(
            "RUNBELL_NOTIFY_URLS is set, but apprise is not installed: pip install 'runbell[notify]'"
        ) from None
    except ValueError as error:
        raise SettingsError(f"RUNBELL_NOTIFY_URLS: {error}") from None


def digests_of(notifiers: Sequence[Notifier]) -> list[str]:
    """What tells them apart in the database."""
    return [notifier.digest for notifier in notifiers]
