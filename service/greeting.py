"""What a person reads when the service has started."""

from __future__ import annotations

from dataclasses import dataclass

from service.model_endpoint import AzureEndpoint, OpenAIEndpoint
from service.secret import Secret
from service.settings import Backend, Settings

_CONNECT = """\
  Connect a model:   put two lines into .env and start again, for example
                         OPENAI_BASE_URL=http://127.0.0.1:11434/v1
                         MODEL=llama3.1
                     .env.example and docs/settings.md explain all settings"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What is known only once the service listens.

    `address` has no slash at its end. `wall` names what confines the assistant's code; None, if nothing does and no
    code is run, for the reason in `no_wall_because`. `made_key` is a key that this very start made.
    """

    address: str
    wall: str | None
    no_wall_because: str | None = None
    made_key: Secret | None = None


def bot_greeting(settings: Settings, started: Started) -> str:
    """The lines for `teamsbot serve`."""
    lines = [
        "Teams Assistants Bot is ready. Stop it with Ctrl-C.",
        "",
        *([] if settings.database_url else [f"  Chat               {started.address}/"]),
        f"  Messages           {started.address}/api/messages",
        *_common(settings, started, kept=_where_data_is_kept(settings)),
        "",
        "  In Teams' clothes: make playground, in a second terminal",
    ]
    return "\n".join(lines if settings.endpoint else [*lines, _CONNECT])


def assistants_greeting(settings: Settings, started: Started) -> str:
    """The lines for `teamsbot assistants`; the one place where a key is shown, if this program made it itself."""
    return "\n".join(
        (
            "The Assistants server is ready. Stop it with Ctrl-C.",
            "",
            f"  OpenAI client      base_url={started.address}/v1",
            f"  AzureOpenAI client azure_endpoint={started.address}",
            f"  api_key            {_api_key(settings, started)}",
            *_common(settings, started, kept=str(settings.data_dir)),
        )
    )


def who_answers(settings: Settings) -> str:
    """The model or assistant that speaks, in words."""
    if settings.backend is Backend.ASSISTANTS:
        assistant = settings.assistant_id or f'"{settings.assistant_name}"'
        return f"assistant {assistant} at {_address(settings)}"
    if settings.model is None:
        return "the built-in tutor: mathematics only, no language model, no account"
    return f"{settings.model} at {_address(settings)}"


def _api_key(settings: Settings, started: Started) -> str:
    if settings.assistants_api_key is not None:
        return "as ASSISTANTS_API_KEY says"
    if started.made_key is not None:
        return started.made_key.reveal()
    return f"as made at the first start, in {settings.data_dir / 'assistants.key'}"


def _common(settings: Settings, started: Started, *, kept: str) -> tuple[str, ...]:
    return (
        f"  Who answers        {who_answers(settings)}",
        f"  Code runs in       {_where_code_runs(settings, started)}",
        f"  Data is kept in    {kept}",
    )


def _where_data_is_kept(settings: Settings) -> str:
    turns = "PostgreSQL" if settings.database_url else str(settings.data_dir)
    files = f"; files in Azure Blob Storage, container {settings.blobs.container}" if settings.blobs else ""
    return turns + files


def _where_code_runs(settings: Settings, started: Started) -> str:
    if settings.backend is Backend.ASSISTANTS:
        return "the service of the assistant"
    return started.wall or f"no sandbox, so code is not run: {started.no_wall_because}"


def _address(settings: Settings) -> str:
    match settings.endpoint:
        case OpenAIEndpoint(base_url=url) | AzureEndpoint(url=url):
            return url
        case None:
            return "no address"
