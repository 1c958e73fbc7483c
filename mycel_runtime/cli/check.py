"""`mycel-runtime check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.checks.checkup import Checkup


@click.command(
    epilog=examples(
        "mycel-runtime check --config agent.toml",
        "mycel-runtime check --config /etc/mycel-runtime --json --offline",
    )
)
@configs_option
@click.option("--offline", "is_offline", is_flag=True, help="Ask no backend.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; of a folder, one object per line.")
def check(config: Path, *, is_offline: bool, as_json: bool) -> int:
    """
    Look at an agent's whole set-up, and tell each mistake with its fix.

    Nothing is changed, and the daemon may run meanwhile. Exit code 0 if nothing is an error, whatever is warned of;
    else that of the worst one, as `run` would end with it.
    """
    from mycel_runtime.checks.finding import exit_code_of
    from mycel_runtime.checks.together import check_all

    checkups = check_all(config, is_offline=is_offline)
    for checkup in checkups:
        _print(checkup, indent=2 if len(checkups) == 1 else None, as_json=as_json)
    return exit_code_of(finding for checkup in checkups for finding in checkup.findings)


def _print(checkup: Checkup, *, indent: int | None, as_json: bool) -> None:
    import json

    from mycel_runtime.checks.finding import as_json as made_json
    from mycel_runtime.checks.finding import line_of
    from mycel_runtime.observe.rendering import without_controls

    if as_json:
        found = made_json(str(checkup.config), checkup.agent, checkup.findings)
        click.echo(json.dumps(found, ensure_ascii=False, indent=indent))
        return
    click.echo(without_controls(f"{checkup.agent or 'an agent without a name'} ({checkup.config})"))
    for finding in checkup.findings:
        click.echo(f"  {without_controls(line_of(finding))}")
