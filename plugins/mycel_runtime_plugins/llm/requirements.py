"""What `[plugins.llm]` needs beside the runtime: a client library, a key, files."""

from __future__ import annotations

import importlib.util
from typing import Self

from pydantic import ValidationInfo, model_validator

from mycel_runtime_plugins.llm.api_key import ApiKeyError, read_api_key
from mycel_runtime_plugins.llm.settings import LlmSettings
from mycel_runtime_plugins.missing import ALLOW_MISSING, Missing


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


class CompleteSettings(LlmSettings):
    """`[plugins.llm]`, of which nothing is missing, unless `ALLOW_MISSING` lets it."""

    @model_validator(mode="after")
    def _require_all(self, info: ValidationInfo) -> Self:
        """At the start rather than at the first message."""
        if (info.context or {}).get(ALLOW_MISSING):
            return self
        if found := missing(self):
            raise ValueError("; ".join(f"{each.what} is missing: {each.fix}" for each in found))
        return self
