"""The genuine agents that `install.sh` installs: where each is, and what makes it ask the fake model alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mycel_runtime_plugins.acp.known_agents import KNOWN_AGENTS

ROOT: Final = Path(__file__).parents[2]

FOLDER: Final = ROOT / ".venv" / "agents"

LIST: Final = Path(__file__).with_name("agents.txt")

NODE: Final = FOLDER / "node" / "node_modules" / "node" / "bin"


COMMAND_LINES: Final = {
    "claude": ("claude-code", "@anthropic-ai/claude-code", "claude -p"),
    "codex": ("codex", "@openai/codex", "codex exec"),
    "gemini": ("gemini", "@google/gemini-cli", "gemini -p"),
    "qwen": ("qwen", "@qwen-code/qwen-code", "qwen -p"),
    "opencode": ("opencode", "opencode-ai", "opencode run"),
}
"""For each recipe: in which folder its program is, of which package there, and what people call it."""


@dataclass(frozen=True)
class Genuine:
    """
    One agent behind one plugin.

    Attributes:
        plugin: `acp` or `command`.
        name: In that plugin's table.
        title: In ours.
        folder: Its name in `agents.txt`, and where it is below `FOLDER`.
        registry: `npm` or `pypi`.
        package: At its version, of which `folder` was installed.
    """

    plugin: str
    name: str
    title: str
    folder: str
    registry: str
    package: str

    @property
    def is_installed(self) -> bool:
        stamp = FOLDER / self.folder / "installed"
        return stamp.exists() and stamp.read_text().strip() == self.package

    @property
    def version(self) -> str:
        """Of the program, as its package says it; an agent behind `acp` says it itself."""
        if self.plugin == "acp" or not self.is_installed:
            return "-"
        _, package, _ = COMMAND_LINES[self.name]
        described = FOLDER / self.folder / "node_modules" / package / "package.json"
        return str(json.loads(described.read_text())["version"])

    @property
    def programs(self) -> Path:
        """The folder that an operator would have in his PATH."""
        below = "node_modules/.bin" if self.registry == "npm" else "bin"
        return FOLDER / self.folder / below

    def environment(self, base_url: str, home: Path) -> dict[str, str]:
        """
        All that it needs to know of the world, with a home that it has for itself; its settings are written there.

        Nothing of the caller's own passes: an agent must not find somebody's login.
        """
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        return {
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "PATH": os.pathsep.join([str(self.programs), str(NODE), "/usr/local/bin", "/usr/bin", "/bin"]),
            "LANG": "C.UTF-8",
            **_SETTINGS[self.name](base_url, home),
        }


def agents() -> list[Genuine]:
    """Those behind `acp`, and then the command lines."""
    lines = [line.split() for line in LIST.read_text().splitlines() if not line.startswith("#")]
    listed = {folder: (registry, package) for folder, registry, package in lines}
    by_protocol = [
        Genuine("acp", folder, folder, folder, *listed[folder]) for folder in listed if folder in KNOWN_AGENTS
    ]
    started_anew = [
        Genuine("command", recipe, title, folder, *listed[folder])
        for recipe, (folder, _, title) in COMMAND_LINES.items()
    ]
    return by_protocol + started_anew


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _claude(base_url, home):
    return {
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _codex(base_url, home):
    _write(
        home / ".codex" / "config.toml",
        f"""\
model = "fake"
model_provider = "fake"

[model_providers.fake]
name = "fake"
base_url = "{base_url}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
""",
    )
    return {"OPENAI_API_KEY": "none", "CODEX_HOME": str(home / ".codex")}


def _gemini(base_url, home):
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
    }
    _write(home / ".gemini" / "settings.json", json.dumps(settings))
    return {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": base_url, "GEMINI_MODEL": "gemini-2.5-flash"}


def _qwen(base_url, home):
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "privacy": {"usageStatisticsEnabled": False},
    }
    _write(home / ".qwen" / "settings.json", json.dumps(settings))
    return {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{base_url}/v1", "OPENAI_MODEL": "fake"}


def _opencode(base_url, home):
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "fake",
        "options": {"baseURL": f"{base_url}/v1", "apiKey": "none"},
        "models": {"fake": {"name": "fake"}},
    }
    names = {"model": "fake/fake", "small_model": "fake/fake"}
    config = {**names, "autoupdate": False, "share": "disabled", "provider": {"fake": provider}}
    return {
        "OPENCODE_CONFIG_CONTENT": json.dumps(config),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
    }


def _vibe(base_url, home):
    _write(
        home / ".vibe" / "config.toml",
        f"""\
active_model = "fake"
enable_telemetry = false
enable_update_checks = false

[[providers]]
name = "fake"
api_base = "{base_url}/v1"
api_key_env_var = "MISTRAL_API_KEY"
api_style = "openai"
backend = "generic"

[[models]]
name = "fake"
provider = "fake"
alias = "fake"
""",
    )
    return {"MISTRAL_API_KEY": "none", "VIBE_HOME": str(home / ".vibe")}


def _fast_agent(base_url, home):
    _write(
        home / ".fast-agent" / "fast-agent.yaml",
        f"""\
default_model: generic.fake
logger:
  type: none
generic:
  api_key: none
  base_url: {base_url}/v1
""",
    )
    return {
        "GENERIC_API_KEY": "none",
        "GENERIC_BASE_URL": f"{base_url}/v1",
        "FAST_AGENT_HOME": str(home / ".fast-agent"),
        "FAST_AGENT_MODEL": "generic.fake",
    }


_SETTINGS: Final = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "qwen": _qwen,
    "opencode": _opencode,
    "vibe": _vibe,
    "fast-agent": _fast_agent,
}
