"""
Guides as a reader has them: Markdown with blocks between the prose.

In a `console` block a line after `$ ` is a command, and what follows is what it prints. A block of another language
that follows a file's name in backticks is the content of that file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

LANGUAGES: Final = ("console", "python", "toml", "sql", "mermaid")
"""Of blocks that some test runs, loads or compares."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block, and the file that the sentence before it names, if it names one."""

    guide: str
    line: int
    language: str
    text: str
    file: str | None

    def __str__(self):
        return f"{self.guide}:{self.line}"


def guides():
    """Every Markdown file of the project."""
    ours = [ROOT / name for name in ("config", "mycel_runtime", "plugins", "systemd", "tests")]
    return sorted([ROOT / "README.md", *(path for folder in ours for path in folder.rglob("*.md"))])


def blocks(path):
    """All fenced blocks of a guide, in order."""
    text = path.read_text()
    name = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    return [
        Block(
            name,
            text.count("\n", 0, found.start()) + 1,
            found[1],
            found[2],
            _file(text[: found.start()], found[1]),
        )
        for found in _FENCE.finditer(text)
    ]


def _file(before, language):
    paragraph = before.rstrip("\n").rsplit("\n\n", 1)[-1]
    suffix = {"python": "py", "toml": "toml"}.get(language)
    named = re.findall(rf"(?<!\[)`([\w.-]+\.{suffix})`", paragraph)
    return named[-1] if named and not paragraph.startswith("```") else None


def commands(block):
    """Each command of a console block with the lines that it prints."""
    found = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def section(path, heading):
    """The commands under a heading, with what they print."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", path.read_text(), re.MULTILINE | re.DOTALL
    )
    return [
        command
        for block in blocks(path)
        if block.language == "console" and block.text in found[1]
        for command in commands(block)
    ]
