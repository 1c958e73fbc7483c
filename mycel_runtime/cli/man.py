"""`mycel-runtime man`."""

from __future__ import annotations

import click

from mycel_runtime.cli.examples import examples


@click.command(
    epilog=examples(
        "mycel-runtime man > ~/.local/share/man/man1/mycel-runtime.1",
        "mycel-runtime man | man -l -",
    )
)
def man() -> None:
    """Print the manual page, which says what --help of every command says."""
    from importlib.metadata import version

    from mycel_runtime.cli.main import cli
    from mycel_runtime.cli.manual import manual_page

    click.echo(manual_page(cli, "mycel-runtime", version("mycel-runtime")), nl=False)
