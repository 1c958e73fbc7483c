"""What a bundled plugin has to be told before it can answer, as questions for a person. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

_AGENTS: Final = ("claude", "codex", "gemini", "qwen", "opencode", "vibe", "fast-agent", "gptme")
_RECIPES: Final = ("claude", "codex", "gemini", "qwen", "opencode")
_DECISIONS: Final = ("deny", "allow", "ask")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginQuestion:
    """
    One key of a plugin's table.

    Attributes:
        key: In `[plugins.NAME]`.
        text: What is asked.
        default: Taken without an answer; `None`: there must be one; empty: the key is left out.
        choices: What it may be; empty: anything.
        is_words: A command line, which becomes a list of its words.
        kept_in: The answer is a secret: it goes into this file beside the configuration, mode 0600, whose name
            is the key's value.
        is_generated: The secret is not asked for, but made.
        unless: Not asked if one of these keys has a value.
        only_for: Asked only if one of the values so far is this one.
    """

    key: str
    text: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()
    is_words: bool = False
    kept_in: str = ""
    is_generated: bool = False
    unless: tuple[str, ...] = ()
    only_for: str = ""

    def is_open(self, table: Mapping[str, Any]) -> bool:
        """Whether it is still to be asked, with what is known so far."""
        if any(table.get(key) for key in (self.key, *self.unless)) or self.key in table:
            return False
        return not self.only_for or self.only_for in table.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginChoice:
    """A plugin that `init` offers."""

    name: str
    says: str
    questions: tuple[PluginQuestion, ...] = ()


CHOICES: Final = (
    PluginChoice(name="echo", says="says everything back: whether an agent hears and speaks at all"),
    PluginChoice(
        name="acp",
        says="a coding agent answers (Claude Code, Codex, Gemini CLI, ...)",
        questions=(PluginQuestion(key="agent", text="Which agent", choices=_AGENTS, unless=("command",)),),
    ),
    PluginChoice(
        name="command",
        says="any program answers: JSON in, text out",
        questions=(
            PluginQuestion(
                key="recipe",
                text="A coding agent's command line (empty: a program of yours)",
                default="",
                choices=("", *_RECIPES),
                unless=("command",),
            ),
            PluginQuestion(key="command", text="Program and arguments", is_words=True, unless=("recipe",)),
        ),
    ),
    PluginChoice(
        name="llm",
        says="a language model behind an endpoint answers",
        questions=(
            PluginQuestion(
                key="api", text="What the endpoint speaks", default="openai", choices=("openai", "anthropic")
            ),
            PluginQuestion(key="model", text="Model, as the endpoint calls it"),
            PluginQuestion(
                key="base_url", text="Address of the endpoint (empty: the vendor's own)", default=""
            ),
            PluginQuestion(
                key="api_key_env",
                text="Environment variable that holds the key (empty: type the key)",
                default="",
                unless=("api_key_file", "api_key_credential"),
            ),
            PluginQuestion(
                key="api_key_file",
                text="The key (not shown; empty: none is needed)",
                default="",
                kept_in="llm.key",
                unless=("api_key_env", "api_key_credential"),
            ),
        ),
    ),
    PluginChoice(
        name="webhook",
        says="an HTTP endpoint of yours answers",
        questions=(
            PluginQuestion(key="url", text="Address that deliveries are posted to"),
            PluginQuestion(
                key="secret_file",
                kept_in="webhook.key",
                is_generated=True,
                unless=("secret_env", "secret_credential"),
            ),
        ),
    ),
    PluginChoice(
        name="gatekeeper",
        says="lets people in, or not; it answers no messages",
        questions=(
            PluginQuestion(
                key="relationships", text="Who asks for a relationship", default="deny", choices=_DECISIONS
            ),
            PluginQuestion(
                key="join_requests", text="Who asks to join a group", default="deny", choices=_DECISIONS
            ),
            PluginQuestion(key="ask_user", text="User id of who is asked", only_for="ask"),
        ),
    ),
)
"""In the order in which they are offered; the first is the default."""


def questions_of(plugin: str) -> tuple[PluginQuestion, ...]:
    """Those of a plugin; none of one that is not bundled: its table is given by `--set`."""
    return next((choice.questions for choice in CHOICES if choice.name == plugin), ())
