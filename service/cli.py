"""The command line, `teamsbot`. The only place that prints.

Data goes to standard output, messages to standard error. Each command imports its libraries itself, which keeps
`teamsbot --help` fast.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TextIO

import click

from bot.errors import BotError, StorageError, StorageInUseError
from bot.functions import NOTHING_CALLED
from service.data_dir import room_hint
from service.greeting import Started, assistants_greeting, bot_greeting, describe_assistant
from service.listen_socket import PortTakenError
from service.settings import Backend, FunctionsSettings, LogFormat, LogLevel, Settings, SettingsError, read_functions

log = logging.getLogger(__name__)

_STARTED_S = time.monotonic()
_BROKEN = 1
_WRONG_USE = 2
_INTERRUPTED = 130
_GC_THRESHOLD = 20_000  # new objects between two collections; with Python's 700 they cost an eighth of a busy bot's CPU


@contextmanager
def _uncollected_imports() -> Iterator[None]:
    """Exempt what is imported here from garbage collection, which would take a sixth of the time of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(_GC_THRESHOLD)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="teams-assistants-bot", prog_name="teamsbot")
@click.option(
    "--env-file", type=click.Path(path_type=Path), default=".env", show_default=True, help="File with settings."
)
@click.pass_context
def main(context: click.Context, env_file: Path) -> None:
    """Put an assistant with Code Interpreter into Microsoft Teams."""
    if env_file != Path(".env") and not env_file.exists():
        _stop(f"There is no file {env_file}.")
    context.obj = env_file


@main.command("help", hidden=True)
@click.pass_context
def show_help(context: click.Context) -> None:
    """Show what --help shows."""
    _print(context.find_root().get_help())


@main.command("version", hidden=True)
@click.pass_context
def show_version(context: click.Context) -> None:
    """Show what --version shows."""
    main.main(["--version"], prog_name=context.find_root().info_name)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of the setting PORT; 0 takes a free port.")
@click.pass_obj
def serve(env_file: Path, port: int | None) -> None:
    """Run the bot, until Ctrl-C or SIGTERM."""
    settings = _settings(env_file)
    if port is not None:
        settings = replace(settings, port=port)
    with _uncollected_imports():
        from service.server import serve as run_bot

    another = f"Take another port: {_program()} serve --port {_port_beside(settings.port)}"
    _run(run_bot(settings, lambda started: _greet(settings, started)), settings, another)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8788, show_default=True, help="0 takes a free port.")
@click.pass_obj
def assistants(env_file: Path, port: int) -> None:
    """Run the Assistants server alone, for openai clients."""
    settings = _settings(env_file)
    if settings.backend is not Backend.EMBEDDED:
        _stop(f"This command serves assistants itself, so ASSISTANT_BACKEND cannot be {settings.backend} here.")
    from service.server import serve_assistants

    another = f"Take another port: {_program()} assistants --port {_port_beside(port)}"
    _run(
        serve_assistants(
            settings,
            port,
            lambda started: _say(assistants_greeting(settings, started, on_terminal=_is_terminal(sys.stderr))),
        ),
        settings,
        another,
    )


@main.command()
@click.argument("question", required=False)
@click.option("--continue", "continues", is_flag=True, help="Go on with the conversation of the last time.")
@click.option("--json", "as_json", is_flag=True, help="Answer each line of standard input with one line of JSON.")
@click.pass_obj
def chat(env_file: Path, question: str | None, *, continues: bool, as_json: bool) -> None:
    """Talk to the assistant here, or pipe in questions.

    With a QUESTION, answer that one and end.
    """
    from service import terminal_session

    settings = replace(_settings(env_file), log_level=LogLevel.ERROR)
    locale, lines = terminal_session.locale_of(os.environ), (sys.stdin or ()) if question is None else [question]
    if question is not None or as_json or not _is_terminal(sys.stdin):
        answers = terminal_session.answer_lines(settings, lines, as_json=as_json, continues=continues, locale=locale)
        _run(_answer(answers), settings, "")
    else:
        from rich.console import Console

        from service.terminal_view import TerminalView, picture_protocol

        draws = picture_protocol(os.environ) if _is_terminal(sys.stdout) else "none"
        view = TerminalView(console=Console(no_color=settings.no_color), draws=draws)
        _run(terminal_session.converse(settings, view, continues=continues, locale=locale), settings, "")


async def _answer(answers: AsyncGenerator[str, None]) -> None:
    async with aclosing(answers):  # a pipe that is closed ends it here, and not in another task
        async for answer in answers:
            _print(answer)


def _program() -> str:
    """The program as it was called, for a hint that can be typed."""
    return sys.argv[0] if Path(sys.argv[0]).name == "teamsbot" else "teamsbot"


@main.command()
@click.argument("code")
@click.pass_obj
def explain(env_file: Path, code: str) -> None:
    """Show what became of the turn with this code.

    CODE is in every error message of the bot, such as T-7F3K. Shown are its steps with their times, and its outcome.
    """
    _explain(_settings(env_file), code)


@main.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many to list.")
@click.option("--follow", is_flag=True, help="Go on listing turns as they come and go, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print each turn as one line of JSON.")
@click.pass_context
def turns(context: click.Context, *, limit: int, follow: bool, as_json: bool) -> None:
    """List the latest turns, oldest first.

    Each line: when, code, conversation (as in the log), how long, how it ended.
    """
    if context.invoked_subcommand is None:
        settings = _settings(context.obj)
        _run_lookup(_list(settings, limit, follow=follow, as_json=as_json), settings)


@turns.command("show")
@click.argument("code")
@click.pass_obj
def show_turn(env_file: Path, code: str) -> None:
    """The same as `teamsbot explain`."""
    _explain(_settings(env_file), code)


def _explain(settings: Settings, code: str) -> None:
    from bot.turn_record import number_of

    try:
        number = number_of(code)
    except ValueError as error:
        _stop(f"{code!r} is not a code: {error}.")
    _run_lookup(_show(settings, number), settings)


async def _show(settings: Settings, number: int) -> None:
    from bot.turn_record import code_of
    from service.turn_lookup import explained, open_timelines

    async with open_timelines(settings) as timelines:
        line = await timelines.timeline(number)
    if line is None:
        _stop(f"There is no turn {code_of(number)}. Turns are kept for seven days after they ended.")
    _print(explained(line))


async def _list(settings: Settings, limit: int, *, follow: bool, as_json: bool) -> None:
    from service import turn_lookup
    from service.turn_lookup import follow_timelines, open_timelines

    form = turn_lookup.as_json if as_json else turn_lookup.listed
    if follow:
        async for line in follow_timelines(settings, limit):
            _print(form(line))
        return
    async with open_timelines(settings) as timelines:
        lines = await timelines.latest(limit)
    for line in lines:
        _print(form(line))
    if not lines:
        _say("There are no turns. They are kept for seven days after they ended.")


def _run_lookup(lookup: Coroutine[None, None, None], settings: Settings) -> None:
    from service.logs import set_up_logs

    set_up_logs(level=LogLevel.ERROR, form=settings.log_format, no_color=settings.no_color)
    try:
        asyncio.run(lookup)
    except StorageInUseError:
        _stop(f"A teamsbot with {settings.data_dir} is starting or stopping; try again in a moment.")
    except BotError as error:
        _stop(str(error))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


@main.group()
def feedback() -> None:
    """What people think of answers."""


@feedback.command("export")
@click.pass_obj
def export_feedback(env_file: Path) -> None:
    """Write all feedback to standard output, as csv.

    A line each: when, the turn's code, conversation and person as hashes, reaction, comment. It can run while the
    service does.
    """
    settings = _settings(env_file)
    _run_lookup(_export_feedback(settings), settings)


async def _export_feedback(settings: Settings) -> None:
    from bot.feedback import csv_heading, csv_lines
    from service.turn_lookup import read_feedback

    heading = csv_heading()
    async for records in read_feedback(settings):
        _print(heading + csv_lines(records), nl=False)
        heading = ""
    _print(heading, nl=False)  # nobody gave any yet; where nothing can be read, nothing was printed


@main.group("functions", invoke_without_command=True)
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Instead of the setting FUNCTIONS_DIR."
)
@click.option("--json", "as_json", is_flag=True, help="Print the JSON schemas, as the model gets them.")
@click.pass_context
def own_functions(context: click.Context, *, folder: Path | None, as_json: bool) -> None:
    """List or call functions of your own.

    They are those of FUNCTIONS_DIR; if something is wrong with them, it is said where and what to do.
    """
    try:
        own = read_functions(os.environ, context.obj, folder)
    except SettingsError as error:
        _stop_for(error)
    if own is None:
        _stop("There are no functions. Set FUNCTIONS_DIR, or name a folder: teamsbot functions --dir PATH")
    context.obj = own
    if context.invoked_subcommand is None:
        from service import function_trial

        form = function_trial.as_json if as_json else function_trial.listed
        _try(form(own))


@own_functions.command("call")
@click.argument("name")
@click.argument("arguments", default="{}")
@click.pass_obj
def call_function(own: FunctionsSettings, name: str, arguments: str) -> None:
    """Call a function as the model does, with ARGUMENTS as JSON, and print what the model reads.

    What the function prints goes to standard error. You are its caller, without a directory id. The exit code is 1 if
    nothing was called, as where the arguments do not fit.
    """
    from service import function_trial

    said = _try(function_trial.called(own, name, arguments))
    if said.startswith(NOTHING_CALLED):
        sys.exit(_BROKEN)


def _try(trial: Coroutine[None, None, str]) -> str:
    try:
        said = asyncio.run(trial)
        _print(said)
    except BotError as error:
        _stop(f"{str(error)[:1].upper()}{str(error)[1:]}")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    return said


@main.command()
@click.option(
    "--env",
    "stage",
    type=click.Choice(("dev", "test", "prod")),
    default="prod",
    show_default=True,
    help="For whom; each is an app of its own in Teams.",
)
@click.option("--app-id", metavar="GUID", help="Id of the bot's app registration, if it is not in the settings.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=".", help="Folder for the zip file.")
@click.pass_obj
def manifest(env_file: Path, stage: str, app_id: str | None, out: Path) -> None:
    """Build the app package for Teams.

    Its texts come from the settings TEAMS_...; it is validated against Microsoft's schemas.
    """
    from service.manifest import AppFacts, ManifestError, Stage, write_package

    settings = _settings(env_file)
    app = settings.teams_app
    app_id = app_id or (settings.teams.app_id if settings.teams else None)
    missing = [
        name
        for name, value in (
            ("MicrosoftAppId or --app-id", app_id),
            ("TEAMS_DEVELOPER_NAME", app.developer_name),
            ("TEAMS_WEBSITE_URL", app.website_url),
        )
        if not value
    ]
    if missing:
        _stop(f"The app package needs {', '.join(missing)}. `teamsbot config` shows all settings.")
    facts = AppFacts(
        app_id=app_id or "",
        name=app.name,
        version=app.version,
        developer_name=app.developer_name or "",
        website_url=app.website_url or "",
        privacy_url=app.privacy_url or "",
        terms_url=app.terms_url or "",
        public_url=settings.public_url,
        starters=settings.profiles.default.questions,
        reads_all=settings.max_context > 0,
        reads_files=settings.teams is not None and settings.teams.reads_shared_files,
    )
    try:
        path = write_package(facts, Stage(stage), out)
    except ManifestError as error:
        _stop(f"{error}")
    _print(str(path))
    _say("Upload it in Teams: Apps > Manage your apps > Upload an app.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--offline", is_flag=True, help="Ask no other service.")
@click.argument("checks", nargs=-1)
@click.pass_obj
def doctor(env_file: Path, checks: tuple[str, ...], *, as_json: bool, offline: bool) -> None:
    """Find out why there is no answer, or no plot.

    Follows the path of a message from the settings to a plot in its link, beside the running service, in at most 20 s.
    With names of CHECKS, makes only these. The exit code is 1 if something is broken, else 0.
    """
    from rich.console import Console

    from service.doctor import NAMES, SETTINGS, TOTAL_S, diagnose
    from service.logs import set_up_logs

    names = (SETTINGS, *NAMES)
    if unknown := sorted({*checks} - {*names}):
        _stop(f"There is no check {unknown[0]!r}. These are: {', '.join(names)}.")

    set_up_logs(level=LogLevel.ERROR, form=LogFormat.AUTO, no_color=True)
    logging.disable(logging.CRITICAL)  # the findings say it, once
    os.umask(0o077)
    try:
        within_s = TOTAL_S - (time.monotonic() - _STARTED_S)  # on a busy machine the imports alone take seconds
        diagnosis = asyncio.Runner().run(
            diagnose(os.environ, env_file, offline=offline, only=checks, within_s=max(5.0, within_s))
        )
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    if as_json:
        _print(diagnosis.as_json())
    elif _is_terminal(sys.stdout):
        diagnosis.show(Console(highlight=False))
    else:
        _print(diagnosis.as_text())
    # Not by sys.exit, which waits for threads: one that looks up a name may hang for longer than all checks may take.
    os._exit(_BROKEN if diagnosis.first_broken else 0)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def config(env_file: Path, *, as_json: bool) -> None:
    """Show every setting, its value and where it is from.

    Keys are shown as set or not set.
    """
    from service.settings.config_report import Report

    report = Report.read(os.environ, env_file)
    _print(json.dumps(report.as_data(), indent=2, ensure_ascii=False) if as_json else report.as_text())
    if report.mistakes:
        _stop_for(SettingsError(report.mistakes))


def _settings(env_file: Path) -> Settings:
    try:
        return Settings.read(os.environ, env_file)
    except SettingsError as error:
        _stop_for(error)


def _run(service: Coroutine[None, None, None], settings: Settings, another_port: str) -> None:
    from service.logs import set_up_logs

    set_up_logs(level=settings.log_level, form=settings.log_format, no_color=settings.no_color)
    os.umask(0o077)  # what people write is for this user alone, also in files that libraries make
    for warning in settings.warnings:
        log.warning(str(warning))
    try:
        asyncio.run(service)
    except PortTakenError as error:
        _stop(f"{error} {another_port}")
    except StorageInUseError:
        _stop(f"Another teamsbot uses {settings.data_dir}. Stop it, or give this one a folder: DATA_DIR=/path")
    except BotError as error:
        log.debug("start failed", exc_info=True)
        hint = (error.fix if isinstance(error, StorageError) else "") or room_hint(error)
        _stop(f"teamsbot cannot start: {str(error).rstrip('.')}. {hint}" if hint else f"teamsbot cannot start: {error}")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _greet(settings: Settings, started: Started) -> None:
    if settings.log_format is LogFormat.JSON:  # every line of this stream is read by a program
        log.info(
            "ready",
            extra={"address": started.address, "answers": describe_assistant(settings), "isolation": started.isolation},
        )
    else:
        _say(bot_greeting(settings, started))


def _port_beside(port: int) -> int:
    return port + 1 if 1023 < port < 65_535 else 3979


def _stop_for(error: SettingsError) -> NoReturn:
    count = len(error.mistakes)
    heading = "1 invalid setting" if count == 1 else f"{count} invalid settings"
    _stop(f"{heading}:\n{error}\n`teamsbot config` shows all settings, .env.example explains them.")


def _print(text: str, *, nl: bool = True) -> None:
    """Write data to standard output. A reader that has left ends the program quietly, which click sees to."""
    try:
        click.echo(text, nl=nl)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter tries again at its end
        _stop(f"Standard output cannot be written: {error.strerror}.")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None: it was closed before this program began


def _say(text: str) -> None:
    click.echo(text, err=True)


def _stop(sentence: str) -> NoReturn:
    _say(sentence)
    sys.exit(_WRONG_USE)
