"""What a configured webhook lacks before it can deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime_plugins.missing import Missing
from mycel_runtime_plugins.webhook.secret import SecretError, read_keys

if TYPE_CHECKING:
    from mycel_runtime_plugins.webhook.settings import WebhookSettings


def missing(settings: WebhookSettings) -> list[Missing]:
    """
    What is not there. Blocking, for a moment.

    Args:
        settings: The table, as checked.
    """
    try:
        read_keys(settings)
    except SecretError as exc:
        what, _, fix = str(exc).partition(": ")
        return [Missing(what=f"a key for [plugins.webhook]: {what}", fix=fix)]
    return []
