"""What `[plugins.llm]` needs beside the runtime: a client library, a key, files."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from mycel_runtime_plugins.llm.api_key import ApiKeyError, read_api_key
from mycel_runtime_plugins.missing import Missing

if TYPE_CHECKING:
    from mycel_runtime_plugins.llm.settings import LlmSettings


def missing(settings: LlmSettings) -> list[Missing]:
    """
    What is not there; empty: it can start.

    Args:
        settings: Validated with `ALLOW_MISSING`, or they would be refused for it.
    """
    found = []
    if importlib.util.find_spec(settings.api) is None:
        found.append(
            Missing(what=f"the package {settings.api}", fix=f'pip install "mycel-runtime[{settings.api}]"')
        )
    try:
        read_api_key(settings)
    except ApiKeyError as exc:
        found.append(Missing(what=exc.what, fix=exc.fix))
    for key, path in (("system_file", settings.system_file), ("tools", settings.tools)):
        if path is not None and not path.is_file():
            found.append(Missing(what=f"the file {path}", fix=f"Write it, or correct {key}."))
    return found
