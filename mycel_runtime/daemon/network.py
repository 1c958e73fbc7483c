"""`[network]` becomes a `Network`, or an error that names file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.errors import ConfigError
from mycel_runtime.sdk.network import DEFAULT, Network, Route
from mycel_runtime.sdk.tls import NetworkError
from mycel_runtime.sdk.transport import ClientUsageError, check_base_url
from mycel_runtime.settings import ENVIRONMENT, read_config, read_proxy_credentials
from mycel_runtime.settings_mistakes import where_of

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.settings import Settings


def network_of(settings: Settings, config: Path) -> Network:
    """
    How the agent's backend is reached; its files are read, so that a mistake in one is told now.

    Args:
        settings: The agent's.
        config: Their file, for the error.

    Raises:
        ConfigError: A file, the proxy or the address cannot be used.
    """
    if settings.is_embedded:
        return DEFAULT
    wished = settings.network
    network = Network(
        ca_file=wished.ca_file,
        client_cert=wished.client_cert,
        client_key=wished.client_key,
        proxy=wished.proxy,
        proxy_auth=read_proxy_credentials(settings),
        trust=wished.trust,
    )
    try:
        Route(check_base_url(settings.agent.base_url), network)
    except NetworkError as exc:
        raise ConfigError(exc.problem, where=_where(exc.key, settings, config), fix=exc.fix) from exc
    except ClientUsageError as exc:
        where = where_of(["agent"], "base_url", str(config), read_config(config))
        raise ConfigError(str(exc), where=where, fix="Correct the address.") from exc
    return network


def _where(key: str, settings: Settings, config: Path) -> str:
    """A key of the section, or the variable that `proxy = "environment"` led to."""
    if settings.network.proxy == ENVIRONMENT and key.lower().endswith("_proxy"):
        return f"environment variable {key}"
    return where_of(["network"], key, str(config), read_config(config))
