"""In which mode a session is: how much its agent asks. Two ways of the protocol to say it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MODE: Final = "mode"
"""Category of the option that is the mode. Source: the protocol's schema, session configuration options."""


def offered_modes(result: Any) -> list[str]:
    """
    Ids of the modes that a session offers.

    Args:
        result: Of `session/new` or `session/load`; it may be anything.
    """
    return _ids(_modes(result), "id") or _ids(_list(_option(result).get("options")), "value")


def mode_request(result: Any, mode: str) -> tuple[str, Mapping[str, Any]]:
    """
    Method and parameters that set it; the session's id is to be added.

    Args:
        result: As of `offered_modes`.
        mode: One of those.
    """
    if mode in _ids(_modes(result), "id"):
        return "session/set_mode", {"modeId": mode}
    return "session/set_config_option", {"configId": _option(result).get("id"), "value": mode}


def _modes(result: Any) -> list[Any]:
    modes = result.get("modes") if isinstance(result, dict) else None
    return _list(modes.get("availableModes")) if isinstance(modes, dict) else []


def _option(result: Any) -> Mapping[str, Any]:
    options = _list(result.get("configOptions")) if isinstance(result, dict) else []
    found = [each for each in options if isinstance(each, dict) and each.get("category") == _MODE]
    return found[0] if found else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _ids(entries: Iterable[Any], key: str) -> list[str]:
    found = [entry.get(key) for entry in entries if isinstance(entry, dict)]
    return [each for each in found if isinstance(each, str)]
