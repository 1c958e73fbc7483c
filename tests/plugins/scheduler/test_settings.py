"""What can be posted, what a text may say, and how a mistake is told."""

from __future__ import annotations

import tomllib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mycel_runtime import PluginError
from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime_plugins.scheduler.settings import Post, SchedulerSettings
from mycel_runtime_plugins.scheduler.template import WORDS, Template, TemplateError, values_at

HEAD = """[plugins.scheduler]

[[plugins.scheduler.posts]]
cron = "0 9 * * mon-fri"
chat = "c"
text = "Good morning"
"""


def load(folder, toml):
    config = folder / "agent.toml"
    config.write_text(toml)
    (loaded,) = load_plugins(tomllib.loads(toml)["plugins"], config)
    return loaded


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('cron = "9 * *"\nchat = "c"\ntext = "t"', r"line 9: .*cron: 3 fields, not five"),
        ('cron = "0 25 * * *"\nchat = "c"\ntext = "t"', r"line 9: .*cron: .*25"),
        ('cron = "0 0 30 2 *"\nchat = "c"\ntext = "t"', r"line 9: .*cron: there is no such time"),
        (
            'cron = "0 9 * * *"\ntimezone = "Europe/Berlim"\nchat = "c"\ntext = "t"',
            r"line 10: .*timezone: no time zone 'Europe/Berlim'",
        ),
        ('every = { hours = 0 }\nchat = "c"\ntext = "t"', r"line 9: .*every: an interval is 1 second"),
        ('every = { hour = 1 }\nchat = "c"\ntext = "t"', r"hour: unknown key"),
        ('every = { hours = nan }\nchat = "c"\ntext = "t"', r"line 9: .*every: an interval is 1 second"),
        ('chat = "c"\ntext = "t"', r"line 8: .*posts\] 1: needs either cron"),
        (
            'cron = "0 9 * * *"\nevery = { hours = 1 }\nchat = "c"\ntext = "t"',
            r"line 8: .*needs either cron",
        ),
        ('cron = "0 9 * * *"\ntext = "t"', r"line 8: .*needs either chat"),
        ('cron = "0 9 * * *"\nchat = ""\ntext = "t"', r"line 10: .*chat: "),
        ('cron = "0 9 * * *"\nchat = "c"', r"line 8: .*text: missing"),
        ('cron = "0 9 * * *"\nchat = "c"\ntext = "  "', r"line 11: .*text: is blank"),
        ('cron = "0 9 * * *"\nchat = "c"\ntext = "{weekdy}"', r"line 11: .*text: \{weekdy\} is not known"),
        ('cron = "0 9 * * *"\nchat = "c"\ntext = "t"\nname = "a-b"', r"line 12: .*name: "),
        ('cron = "0 9 * * mon-fri"\nchat = "c"\ntext = "t"', r"2 posts are known as 'post_\w+'"),
        ('cron = "0 8 * * *"\nchat = "c"\ntext = "t"\nname = "find_places"', r"two handlers called"),
    ],
)
def test_a_mistake_is_told_with_line_and_key(tmp_path, entry, problem):
    with pytest.raises(PluginError, match=problem) as refused:
        load(tmp_path, f"{HEAD}\n[[plugins.scheduler.posts]]\n{entry}\n")
    assert refused.value.exit_code == 78


def test_posts_are_schedules_by_their_own_names(tmp_path):
    loaded = load(
        tmp_path,
        HEAD + '\n[[plugins.scheduler.posts]]\nname = "tea"\nevery = { hours = 1 }\nuser = "u"\ntext = "t"\n',
    )
    hook, morning, tea = loaded.plugin.handlers
    assert (hook.id, tea.id) == ("scheduler.find_places", "scheduler.tea")
    assert morning.id.startswith("scheduler.post_")
    assert morning.subscription.schedule.text == "cron 0 9 * * mon-fri UTC"
    assert tea.subscription.schedule.text == "every 3600.0 s"


def test_a_post_without_a_name_is_known_by_when_and_where():
    """Another text, or another place in the table, makes no other post of it."""
    first = Post(cron="0 9 * * *", chat="c", text="a")
    assert first.known_as == Post(cron="0 9 * * *", chat="c", text="b", catch_up=False).known_as
    assert (
        len({first.known_as, *(Post(cron="0 9 * * *", text="a", **place).known_as for place in PLACES)}) == 4
    )


PLACES = ({"chat": "d"}, {"user": "c"}, {"chat": "c", "timezone": "Europe/Berlin"})


@pytest.mark.parametrize(
    "text",
    [
        "{0}",
        "{}",
        "{weekday.__class__}",
        "{weekday[0]}",
        "{weekday!r}",
        "{weekday:>99999999}",
        "{ weekday}",
        "{",
        "}",
    ],
)
def test_a_text_can_look_nothing_up(text):
    with pytest.raises(TemplateError):
        Template(text)


def test_words_in_braces_are_filled_in():
    when = datetime(2026, 11, 30, 9, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    settings = SchedulerSettings()
    values = values_at(when, name="morning", weekdays=settings.weekdays, months=settings.months)

    assert sorted(values) == list(WORDS)
    assert Template("{{{weekday}}}, {day} {month} {year}").filled(values) == "{Monday}, 30 November 2026"
    assert Template("{name} {date} {time} w{week}").filled(values) == "morning 2026-11-30 09:05 w49"
    assert Template("as it is").filled(values) == "as it is"
