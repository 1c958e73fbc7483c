"""A plugin is checked when it is declared and loaded, not when it is called."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.plugin.pattern import ContentPattern
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.plugin.subscription import MessageSubscription

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
from mycel_runtime import Plugin
plugin = Plugin("mine")
@plugin.on_message
async def answer(ctx): ...
"""


class Settings(BaseModel):
    greeting: str = ""


async def _handle(ctx): ...


def load_file(folder: Path, source: str, **settings):
    (folder / "mine.py").write_text(source)
    config = folder / "agent.toml"
    config.write_text('[agent]\nname = "a"\n\n[plugins.mine]\npath = "mine.py"\nanswr = 3\n')
    return load_plugins({"mine": {"path": "mine.py", **settings}}, config)


def refused(folder: Path, source: str, **settings) -> str:
    with pytest.raises(PluginError) as caught:
        load_file(folder, source, **settings)
    return str(caught.value)


def test_handlers_are_named_after_plugin_and_function():
    plugin = Plugin("p")

    @plugin.on_message(mention=True)
    async def one(ctx): ...

    @plugin.on_frame("x.*")
    def two(ctx): ...

    assert [handler.id for handler in plugin.handlers] == ["p.one", "p.two"]
    assert [handler.is_async for handler in plugin.handlers] == [True, False]
    assert plugin.handlers[0].subscription == MessageSubscription(mention=True)


def test_declaration_mistakes_are_told_at_the_declaration():
    plugin = Plugin("p")
    plugin.on_message(_named("twice"))
    with pytest.raises(PluginError, match="two handlers called 'twice'"):
        plugin.on_message(_named("twice"))
    with pytest.raises(PluginError, match="must take one argument"):
        plugin.on_message(_without_arguments)
    with pytest.raises(PluginError, match="chat='room' is no filter"):
        plugin.on_message(chat="room")
    with pytest.raises(PluginError, match="pattern"):
        plugin.on_message(pattern="(")
    with pytest.raises(PluginError, match="no plugin name"):
        Plugin("not a name")
    with pytest.raises(PluginError, match="5 is no plugin name"):
        Plugin(5)
    with pytest.raises(PluginError, match="so are the tools"):
        Plugin("mcp")
    with pytest.raises(PluginError, match="settings= is the class dict, and no pydantic model"):
        Plugin("p", settings=dict)
    with pytest.raises(PluginError, match="settings= is of type Settings, and no pydantic model"):
        Plugin("p", settings=Settings())


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (_handle, "a function is no pattern"),
        (5, "5 is no pattern"),
        (["a.*"], "no pattern"),
        ("", "an empty text"),
    ],
)
def test_what_frames_are_known_by_is_a_text(pattern, problem):
    """Anything else would be compared with each frame that comes: bare, the decorator has no handler at all."""
    with pytest.raises(PluginError, match=problem) as refused:
        Plugin("p").on_frame(pattern)
    assert '@plugin.on_frame("relationship.*")' in str(refused.value)


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ({"timeout": 0}, "timeout=0 would end each run before it begins"),
        ({"timeout": -1.0}, "timeout=-1.0 is no number of seconds"),
        ({"timeout": True}, "timeout=True is no number of seconds"),
        ({"max_attempts": 0}, "max_attempts=0 is no number of attempts from 1 to 100"),
        ({"max_attempts": 2.0}, "max_attempts=2.0 is no number of attempts"),
        ({"interrupt": "("}, r"interrupt '\(': "),
        ({"interrupt": 5}, "interrupt is of type int, not a text"),
        ({"pattern": re.compile("x")}, "pattern is of type Pattern, not a text"),
        ({"mention": "false"}, "mention='false' is neither True nor False"),
        ({"notifications": "no"}, "notifications='no' is neither True nor False"),
        ({"on_give_up": " "}, "on_give_up is blank"),
        ({"on_give_up": 5}, "on_give_up is int, which cannot be called"),
        ({"on_give_up": lambda: None}, "on_give_up needs a name"),
    ],
)
def test_what_no_handler_can_mean_is_refused_at_the_declaration(option, problem):
    with pytest.raises(PluginError, match=problem):
        Plugin("p").on_message(**option)


@pytest.mark.parametrize("kind", ["relationship", "join_request", "chat", "workflow_event", "notification"])
def test_events_are_registered_bare_and_with_bounds(kind):
    plugin = Plugin("p")
    decorate = getattr(plugin, f"on_{kind}")
    decorate(_named("bare"))
    decorate(timeout=2, max_attempts=3)(_named("bounded"))

    bare, bounded = plugin.handlers
    assert (bare.timeout, bare.max_attempts) == (None, None)
    assert (bounded.timeout, bounded.max_attempts) == (2.0, 3)
    assert bare.subscription == bounded.subscription
    with pytest.raises(PluginError, match="max_attempts"):
        decorate(max_attempts=0)


def _named(name):
    async def function(ctx): ...

    function.__name__ = name
    return function


def _without_arguments(): ...


def test_bundled_echo_comes_in_by_the_entry_point(tmp_path):
    (loaded,) = load_plugins({"echo": {"prefix": "> "}}, tmp_path / "agent.toml")

    assert loaded.plugin.name == "echo"
    assert loaded.settings.prefix == "> "
    assert loaded.origin == "mycel-runtime"
    assert loaded.version


def test_a_file_beside_the_configuration_is_a_plugin(tmp_path):
    (loaded,) = load_file(tmp_path, GOOD, greeting="hi")

    assert loaded.plugin.name == "mine"
    assert loaded.settings == {"greeting": "hi"}


def test_unknown_plugin_names_the_installed_ones_and_the_line(tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text("[plugins.ecko]\n")

    with pytest.raises(PluginError, match=r"line 1: \[plugins.ecko\].*\n.*Installed:.*echo"):
        load_plugins({"ecko": {}}, config)


def test_no_plugins_at_all_is_an_error(tmp_path):
    with pytest.raises(PluginError, match="nobody would answer"):
        load_plugins({}, tmp_path / "agent.toml")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "import nonexistent_module",
            "ModuleNotFoundError: No module named 'nonexistent_module' (mine.py, line 1)",
        ),
        ("def broken(:\n", "SyntaxError: invalid syntax (mine.py, line 1)\n"),
        ("\nraise SystemExit(1)", "SystemExit: 1 (mine.py, line 2)"),
        ("x = 1", "not a Plugin"),
        ("from mycel_runtime import Plugin\nplugin = Plugin('mine')", "has no handlers"),
        ("from mycel_runtime import Plugin\nplugin = Plugin('no good')", "no plugin name"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_loudly(tmp_path, source, problem):
    message = refused(tmp_path, source)

    assert problem in message
    assert "agent.toml, line 4: [plugins.mine]" in message


def test_missing_file_is_named(tmp_path):
    with pytest.raises(PluginError, match=r"no such file: .*gone\.py"):
        load_plugins({"mine": {"path": "gone.py"}}, tmp_path / "agent.toml")


def test_a_setting_that_is_missing_is_told_with_the_table_that_it_belongs_to(tmp_path):
    source = "from pydantic import BaseModel\nclass S(BaseModel):\n    city: str\n" + GOOD.replace(
        'Plugin("mine")', 'Plugin("mine", settings=S)'
    )

    message = refused(tmp_path, source)

    assert "agent.toml, line 4: [plugins.mine] city: missing" in message
    assert "Add it below [plugins.mine]." in message


def test_wrong_settings_name_file_line_and_the_nearest_key(tmp_path):
    source = GOOD.replace('Plugin("mine")', 'Plugin("mine", settings=S)').replace(
        "plugin =",
        "from pydantic import BaseModel, ConfigDict\n"
        "class S(BaseModel):\n"
        "    model_config = ConfigDict(extra='forbid')\n"
        "    answer: int = 1\n"
        "plugin =",
    )

    message = refused(tmp_path, source, answr=3)

    assert "agent.toml, line 6: [plugins.mine] answr: unknown key" in message
    assert "Did you mean 'answer'?" in message


LISTS = """from pydantic import BaseModel
from mycel_runtime import ContentPattern, Plugin

class Post(BaseModel):
    hour: int
    pattern: ContentPattern | None = None

class Settings(BaseModel):
    posts: list[Post] = []
    patterns: list[ContentPattern] = []

plugin = Plugin("mine", settings=Settings)
@plugin.on_message
async def answer(ctx): ...
"""

TABLES = """[plugins.mine]
path = "mine.py"
patterns = [
  "a",
]

[[plugins.mine.posts]]
hour = 1

[[plugins.mine.posts]]
hour = 2
"""


@pytest.mark.parametrize(
    ("line", "entry", "problem"),
    [
        (11, 'hour = "?"', r"line 11: .*posts\.1\] hour: Input should be a valid integer"),
        (11, "", r"line 10: .*posts\.1\] hour: missing"),
        (11, "hour = 1\nminute = 2", r"line 12: .*posts\.1\] minute: unknown key"),
        (11, 'hour = 1\npattern = "(?!a)"', r"line 12: .*posts\.1\] pattern: look-around"),
        (11, "hour = 1\npattern = 2", r"line 12: .*posts\.1\] pattern: a regular expression is a text"),
        (4, '"a", "("', r"line 3: .*patterns\] 1: missing \)"),
    ],
)
def test_a_mistake_in_a_list_is_told_of_its_line(tmp_path, line, entry, problem):
    lines = TABLES.splitlines()
    lines[line - 1] = entry
    config = tmp_path / "agent.toml"
    config.write_text("\n".join(lines))
    (tmp_path / "mine.py").write_text(LISTS)

    with pytest.raises(PluginError, match=problem):
        load_plugins(tomllib.loads(config.read_text())["plugins"], config)


def test_settings_hold_patterns_as_they_are_written(tmp_path):
    (loaded,) = load_file(tmp_path, LISTS, patterns=["^a", "b$"])

    assert loaded.settings.patterns == [ContentPattern("^a"), ContentPattern("b$")]
    assert loaded.settings.patterns[0].is_in("abc")


CLOCKS = """from pydantic import BaseModel
from mycel_runtime import Plugin

class Settings(BaseModel):
    hours: dict[str, int] = {}

plugin = Plugin("mine", settings=Settings)

@plugin.on_message
async def answer(ctx): ...

@plugin.on_load
def declare(plugin, settings):
    for name, hour in settings.hours.items():
        async def strike(ctx): ...
        strike.__name__ = name
        plugin.cron(f"0 {hour} * * *", timezone="UTC")(strike)
"""


@pytest.mark.parametrize("isolation", ["none", "process"])
def test_handlers_are_declared_from_the_settings(tmp_path, isolation):
    (loaded,) = load_file(tmp_path, CLOCKS, hours={"noon": 12, "tea": 17}, isolation=isolation)

    assert [handler.id for handler in loaded.plugin.handlers] == ["mine.answer", "mine.noon", "mine.tea"]
    assert loaded.plugin.handlers[1].subscription.schedule.text == "cron 0 12 * * * UTC"


def test_agents_that_load_the_same_plugin_have_handlers_of_their_own():
    plugin = Plugin("p", settings=Settings)
    plugin.on_message(_handle)

    @plugin.on_load
    def declare(plugin, settings):
        async def extra(ctx): ...

        extra.__name__ = settings.greeting
        plugin.on_timer("t")(extra)

    loaded = [plugin.configured(Settings(greeting=name)) for name in ("one", "two")]
    assert [[each.id for each in one.handlers] for one in loaded] == [
        ["p._handle", "p.one"],
        ["p._handle", "p.two"],
    ]
    assert [handler.id for handler in plugin.handlers] == ["p._handle"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"hours": {"noon": 24}}, r"line 4: \[plugins\.mine\]: plugin 'mine': .*24"),
        ({"hours": {"answer": 1}}, r"two handlers called 'answer'"),
        ({"hours": {"a-b": 1}}, r"needs a name of its own"),
        ({"hours": "x"}, r"hours: Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_declared_is_refused_at_the_load(tmp_path, settings, problem):
    assert re.search(problem, refused(tmp_path, CLOCKS, **settings))


def test_a_declaration_that_fails_names_file_and_line(tmp_path):
    broken = CLOCKS.replace("    for name", "    int('noon')\n    for name")
    assert re.search(r"on_load failed: ValueError: .*\(mine\.py, line 14\)", refused(tmp_path, broken))


def test_one_function_declares_everything():
    plugin = Plugin("p")
    plugin.on_load(lambda plugin, settings: None)
    with pytest.raises(PluginError, match="two functions for on_load"):
        plugin.on_load(lambda plugin, settings: None)


def api_message(**extra):
    return {
        "id": "m",
        "chat_id": "c",
        "sender_id": "you",
        "sender_name": "You",
        "content": "hello",
        "message_type": "human",
        "mentioned_ids": [],
        "seq": 1,
        "signal": None,
        "retracted_at": None,
        "created_at": 1.5,
    } | extra


def test_a_message_is_in_no_representation():
    message = message_from_api(api_message(content="secret words"), me="me", sender_type="human")

    assert "secret words" not in repr(message)


@pytest.mark.parametrize(
    ("filters", "sender_type", "chat_type", "wanted"),
    [
        ({}, "", "", True),
        ({"sender": "human"}, "human", "direct", True),
        ({"sender": "human"}, "external", "direct", False),
        ({"sender": "agent"}, "external", "direct", True),
        ({"sender": "agent"}, "agent", "direct", True),
        ({"sender": "agent"}, "", "direct", False),
        ({"chat": "group"}, "human", "direct", False),
        ({"chat": "direct"}, "human", "direct", True),
        ({"sender": "human"}, "unknown", "direct", True),
        ({"sender": "agent"}, "unknown", "group", True),
        ({"chat": "group", "sender": "human"}, "unknown", "direct", False),
        ({"chat": "group"}, "human", "", True),
        ({"chat": "direct"}, "", "", True),
        ({"chat": "direct", "pattern": "^ell"}, "unknown", "", False),
        ({"mention": True}, "human", "direct", False),
        ({"pattern": "ell"}, "human", "direct", True),
        ({"pattern": "^ell"}, "human", "direct", False),
    ],
)
def test_filters(filters, sender_type, chat_type, wanted):
    plugin = Plugin("p")
    plugin.on_message(**filters)(_named("handler"))
    message = message_from_api(api_message(), me="me", sender_type=sender_type)

    assert plugin.handlers[0].subscription.wants(message, chat_type) is wanted


@pytest.mark.parametrize(
    ("decorate", "of_notifications", "of_others"),
    [
        (lambda plugin: plugin.on_message, False, True),
        (lambda plugin: plugin.on_message(notifications=True), True, True),
        (lambda plugin: plugin.on_notification, True, False),
    ],
    ids=["messages", "both", "notifications"],
)
def test_q42_who_hears_of_notifications(decorate, of_notifications, of_others):
    plugin = Plugin("p")
    decorate(plugin)(_named("handler"))
    wants = plugin.handlers[0].subscription.wants
    other = message_from_api(api_message(), me="me", sender_type="human")

    assert wants(dataclasses.replace(other, message_type="notification"), "group") is of_notifications
    assert wants(other, "group") is of_others


def test_a_mention_is_of_me():
    message = message_from_api(api_message(mentioned_ids=["me"]), me="me", sender_type="")

    assert message.mentions_me
    assert MessageSubscription(mention=True).wants(message, "")


MODEL = """
from mycel_runtime import Plugin
from pydantic import BaseModel, ConfigDict

class Server(BaseModel):
    host: str = ""

class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

class Settings(BaseModel):
    {config}
    answer: int = 1
    servers: list[Server] = []
    anything: Open = Open()

plugin = Plugin("mine", settings=Settings)
@plugin.on_message
async def answer(ctx): ...
"""


@pytest.mark.parametrize(
    ("table", "fix"),
    [
        ({"answr": 3}, "Did you mean 'answer'?"),
        ({"servers": [{"hots": "a"}]}, "Did you mean 'host'?"),
        ({"anything": {"a": 1}, "answr": 3}, "Did you mean 'answer'?"),
    ],
)
def test_a_key_that_the_model_does_not_know_is_refused_though_pydantic_would_ignore_it(tmp_path, table, fix):
    message = refused(tmp_path, MODEL.format(config=""), **table)

    assert "unknown key" in message
    assert fix in message


@pytest.mark.parametrize(
    ("config", "table"),
    [
        ("", {"anything": {"a": 1}}),
        ("model_config = ConfigDict(extra='ignore')", {"answr": 3}),
        ("model_config = ConfigDict(extra='allow')", {"answr": 3}),
    ],
)
def test_a_model_that_says_what_becomes_of_unknown_keys_is_heard(tmp_path, config, table):
    (loaded,) = load_file(tmp_path, MODEL.format(config=config), **table)

    assert loaded.settings.answer == 1


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"isolatoin": "process"}, "Did you mean 'isolation'?"),
        ({"import-timeout": 5}, "Did you mean 'import_timeout'?"),
        ({"import_timeout": 5}, "without meaning here"),
    ],
)
def test_what_was_meant_for_the_runtime_does_not_end_up_among_the_settings(tmp_path, table, problem):
    assert problem in refused(tmp_path, GOOD, **table)
