"""`mycel-runtime completion`."""

from __future__ import annotations

from typing import Final

import click

from mycel_runtime.cli.examples import examples

PROGRAM: Final = "mycel-runtime"

VARIABLE: Final = "_MYCEL_RUNTIME_COMPLETE"
"""By which a shell asks for what may come next; click reads it."""


@click.command(
    epilog=examples(
        "mycel-runtime completion bash > ~/.local/share/bash-completion/completions/mycel-runtime",
        "mycel-runtime completion zsh > ~/.zfunc/_mycel-runtime",
        "mycel-runtime completion fish > ~/.config/fish/completions/mycel-runtime.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """
    Print what lets a shell complete commands, options, files and plugins' names.

    For the shell that runs: eval "$(mycel-runtime completion bash)". For zsh the folder must be in fpath.
    """
    from click.shell_completion import get_completion_class

    from mycel_runtime.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    wanted = kind(cli, {}, PROGRAM, VARIABLE)
    # Not its `source`, which starts a bash to look how old it is.
    click.echo(wanted.source_template % wanted.source_vars())
