"""`mycel-runtime unit`."""

from __future__ import annotations

from pathlib import Path

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option


@click.command(
    epilog=examples(
        "mycel-runtime unit --config codex-a.toml > /etc/systemd/system/mycel-runtime-codex-a.service",
        "mycel-runtime unit --config codex-a.toml --folder /etc/systemd/system",
        "mycel-runtime unit --config codex-a.toml --user --folder ~/.config/systemd/user",
    )
)
@config_option
@click.option("--user", "is_for_user", is_flag=True, help="For your own systemd, without the sandbox.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Write it into this folder, as mycel-runtime-NAME.service, instead of printing it.",
)
def unit(config: Path, folder: Path | None, *, is_for_user: bool) -> None:
    """
    Print a systemd unit that runs the agent of a configuration.

    It has the paths of this installation, of the file, its token and its state, and what the bundled plugins acp and
    command need.
    """
    from mycel_runtime.cli.target import only_target_of
    from mycel_runtime.settings import load_settings
    from mycel_runtime.units.made import made_unit
    from mycel_runtime.units.unit_text import file_name_of

    file = only_target_of(config).config
    settings = load_settings(file)
    text = made_unit(settings, file, is_for_user=is_for_user)
    if folder is None:
        click.echo(text, nl=False)
        return
    path = folder / file_name_of(settings.agent.name)
    _write(path, text)
    systemctl = "systemctl --user" if is_for_user else "systemctl"
    click.echo(f"{path}\nStart it:  {systemctl} daemon-reload && {systemctl} enable --now {path.stem}")


def _write(path: Path, text: str) -> None:
    from mycel_runtime.errors import ConfigError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    except OSError as exc:
        raise ConfigError(
            f"cannot be written: {exc.strerror}",
            where=str(path),
            fix="Write it as root, or with --user into a folder of yours.",
        ) from exc
