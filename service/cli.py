"""The command line: `teamsbot serve`, `assistants`, `config`. The only place that prints."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from service.settings import Settings, SettingsError

_WRONG_USE = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="teams-assistants-bot", prog_name="teamsbot")
@click.option(
    "--env-file", type=click.Path(path_type=Path), default=".env", show_default=True, help="Settings to read."
)
@click.pass_context
def main(context: click.Context, env_file: Path) -> None:
    """Put an assistant with Code Interpreter into Microsoft Teams."""
    context.obj = env_file


@main.command()
@click.pass_obj
def serve(env_file: Path) -> None:
    """Run the bot."""
    settings = _settings(env_file)
    from service.app import serve as run

    asyncio.run(run(settings))


def _settings(env_file: Path) -> Settings:
    try:
        return Settings.read(os.environ, env_file)
    except SettingsError as error:
        _stop(str(error))


def _stop(sentence: str) -> NoReturn:
    click.echo(sentence, err=True)
    sys.exit(_WRONG_USE)
