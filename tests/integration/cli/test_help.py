"""What the commands say of themselves: `--help` with examples that parse, the manual page, and completion."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mycel_runtime.cli.completion import VARIABLE
from mycel_runtime.cli.main import COMMANDS, cli
from mycel_runtime.cli.manual import EXIT_CODES, manual_page
from mycel_runtime.daemon.reload.differences import LIVE

GUIDE = Path(__file__).parents[3] / "systemd" / "README.md"

DEADLINE = 60


def leaves(group=cli, ctx=None):
    """Every command that does something, with its words."""
    ctx = ctx or click.Context(group, info_name="mycel-runtime")
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        below = click.Context(command, info_name=name, parent=ctx)
        if isinstance(command, click.Group):
            yield from leaves(command, below)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield below.command_path, below.get_help()


def examples_of(said):
    """What stands behind the word, as it is typed, without what the shell does to it."""
    _, _, after = said.partition("Example")
    return [re.split(r" [<>|] ", line)[0] for line in re.findall(r"mycel-runtime [^\n]+", after)]


def parsed(words):
    """As click would before it runs the command; raises as it does."""
    command, ctx, name, arguments = cli, None, "mycel-runtime", words
    with contextlib.ExitStack() as stack:
        while True:
            ctx = stack.enter_context(command.make_context(name, list(arguments), parent=ctx))
            if not isinstance(command, click.Group) or not (arguments := [*ctx._protected_args, *ctx.args]):
                return ctx.command_path
            name, command, arguments = command.resolve_command(ctx, arguments)


def test_every_command_has_an_example_in_its_help_and_each_parses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faults.jsonl").touch()
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: "secret")
    for path, said in leaves():
        examples = examples_of(said)
        assert examples, f"{path} --help has no example"
        for example in examples:
            assert parsed(shlex.split(example)[1:]) == path, example


def test_an_example_that_does_not_parse_would_be_noticed():
    with pytest.raises(click.UsageError):
        parsed(["dead", "show", "--cofnig", "agent.toml", "3"])
    with pytest.raises(click.UsageError):
        parsed(["chekc"])


def test_the_manual_has_every_command_and_option():
    page = manual_page(cli, "mycel-runtime", version("mycel-runtime")).replace("\\-", "-")
    for path, said in leaves():
        assert f'.SS "{path}' in page
        for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", said, re.MULTILINE):
            assert option == "--help" or option in page, (path, option)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_takes_the_manual_without_a_warning():
    page = manual_page(cli, "mycel-runtime", version("mycel-runtime"))
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-c"]

    def formatted(text):
        return subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=DEADLINE, check=True
        )

    shown = formatted(page)
    assert shown.stderr == ""
    assert "mycel-runtime dead show 3" in shown.stdout
    assert 'mycel-runtime send --config agent.toml --wait 10 "hello"' in shown.stdout
    assert formatted(f"{page}\\*[nothing]").stderr != ""


def test_the_manual_has_the_exit_codes_of_the_guide():
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", GUIDE.read_text(), re.MULTILINE)}
    assert codes | {130} == set(EXIT_CODES)


@pytest.fixture
def bash(tmp_path):
    """A real bash with our completion; tells what it offers for a line."""
    (tmp_path / "agent.toml").write_text(
        '[agent]\nname = "a"\nbase_url = "embedded"\n[plugins.echo]\n[plugins.eager]\n[plugins.mine]\n'
    )
    script = subprocess.run(
        [sys.executable, "-m", "mycel_runtime", "completion", "bash"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    ).stdout
    # Where bash-completion would look for it.
    (tmp_path / "completion.bash").write_text(script)

    def offered(*words):
        code = (
            f"source completion.bash; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1};"
            " _mycel_runtime_completion mycel-runtime; printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        ended = subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", code],
            cwd=tmp_path,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return [line for line in ended.stdout.splitlines() if line]

    return offered


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_a_real_bash_completes_commands_options_and_plugins(bash):
    assert bash("mycel-runtime", "st") == ["status", "store"]
    assert bash("mycel-runtime", "dead", "re") == ["retry"]
    assert bash("mycel-runtime", "store", "clear", "--config", "agent.toml", "e") == ["echo", "eager"]
    assert bash("mycel-runtime", "check", "--off") == ["--offline"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_are_told_the_same_way(shell):
    from click.testing import CliRunner  # noqa: PLC0415 - beside what it runs

    said = CliRunner().invoke(cli, ["completion", shell])
    assert said.exit_code == 0
    assert VARIABLE in said.stdout


def test_a_name_is_completed_without_any_command_being_loaded():
    """A shell asks at each key."""
    code = (
        "import sys; from mycel_runtime.cli.main import cli; import click;"
        "items = cli.shell_complete(click.Context(cli), '');"
        "print(len(items), sum(name.startswith('mycel_runtime.cli.') for name in sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE, check=True
    ).stdout
    assert said.split() == [str(len(COMMANDS)), "1"]


def test_reload_names_each_section_in_which_something_may_change():
    shown = CliRunner().invoke(cli, ["reload", "--help"]).output

    assert [section for section in LIVE if f"[{section}]" not in shown] == []
