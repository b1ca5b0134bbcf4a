"""The greeting that is printed once the service listens."""

from __future__ import annotations

from dataclasses import dataclass

from bot.profiles import Profile, Speaker, SpeakerKind
from service.settings import AzureEndpoint, Backend, FoundryEndpoint, OpenAIEndpoint, Settings
from service.settings.assistants_file import BUILT_IN_TUTOR
from service.settings.parsers import Secret

_CONNECT = """\
  Connect a model:   put two lines into .env and start again, for example
                         OPENAI_BASE_URL=http://127.0.0.1:11434/v1
                         MODEL=llama3.1
                     .env.example and docs/settings.md explain all settings"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Facts about a running service.

    `address` has no trailing slash. `isolation` names what isolates the assistant's code; None if code cannot be run,
    for `sandbox_unavailable_reason`. `generated_key` is an API key that this start generated. `chat_url` is the address
    of the chat page, None if it is not served. `model_fault` says what keeps the model from answering.
    """

    address: str
    isolation: str | None
    sandbox_unavailable_reason: str | None = None
    generated_key: Secret | None = None
    chat_url: str | None = None
    model_fault: str | None = None


def bot_greeting(settings: Settings, started: Started) -> str:
    """The lines for `teamsbot serve`."""
    reached_at = (settings.public_url if settings.is_public else None) or started.address
    lines = [
        "Teams Assistants Bot is ready. Stop it with Ctrl-C.",
        "",
        *([f"  Chat               {started.chat_url}"] if started.chat_url else []),
        f"  Messages           {reached_at}/api/messages",
        *_common(settings, started, data=_data_location(settings)),
    ]
    if not settings.is_public:  # the Playground has no token of the Bot Framework
        lines += ["", "  Agents Playground  make playground, in a second terminal, to try it with a Teams client"]
    return "\n".join(lines if settings.endpoint else [*lines, _CONNECT])


def assistants_greeting(settings: Settings, started: Started, *, on_terminal: bool) -> str:
    """The lines for `teamsbot assistants`. A terminal, and no log, is shown the key that this start generated."""
    return "\n".join(
        (
            "The Assistants server is ready. Stop it with Ctrl-C.",
            "",
            f"  OpenAI client      base_url={started.address}/v1",
            f"  AzureOpenAI client azure_endpoint={started.address}",
            f"  api_key            {_api_key(settings, started, on_terminal=on_terminal)}",
            *_common(settings, started, data=str(settings.data_dir)),
        )
    )


def describe_assistant(settings: Settings) -> str:
    """The model or assistant that answers where no other was chosen, in words."""
    return describe_profile(settings, settings.profiles.default)


def describe_profile(settings: Settings, profile: Profile) -> str:
    """The model or assistant of the service behind one of the assistants."""
    speaker = speaker_of(settings, profile)
    match speaker.kind:
        case SpeakerKind.TUTOR:
            return "the built-in tutor: mathematics only, no language model, no account"
        case SpeakerKind.MODEL:
            return f"{speaker.name} at {speaker.address}"
        case SpeakerKind.ASSISTANT | SpeakerKind.AGENT:
            return f"{speaker.kind.value} {speaker.name} at {speaker.address}"


def speaker_of(settings: Settings, profile: Profile) -> Speaker:
    """The same for programs."""
    if settings.backend is Backend.ASSISTANTS:
        name = profile.service_id or f'"{profile.name}"'
        return Speaker(kind=SpeakerKind.ASSISTANT, name=name, address=_address(settings))
    if profile.agent is not None:
        return Speaker(kind=SpeakerKind.AGENT, name=profile.agent, address=_address(settings))
    model = profile.model or settings.model
    if model is None or model == BUILT_IN_TUTOR:
        return Speaker(kind=SpeakerKind.TUTOR, name=BUILT_IN_TUTOR)
    return Speaker(kind=SpeakerKind.MODEL, name=model, address=_address(settings))


def _api_key(settings: Settings, started: Started, *, on_terminal: bool) -> str:
    if settings.assistants_api_key is not None:
        return "the value of ASSISTANTS_API_KEY"
    if started.generated_key is not None and on_terminal:
        return started.generated_key.reveal()
    return f"generated at the first start, in {settings.data_dir / 'assistants.key'}"


def _common(settings: Settings, started: Started, *, data: str) -> tuple[str, ...]:
    return (
        f"  Assistant          {describe_assistant(settings)}",
        *(
            [f"                     one of {len(settings.profiles.all)}: people choose by /assistant"]
            if settings.profiles.are_several
            else []
        ),
        *([f"                     WARNING: {started.model_fault}"] if started.model_fault else []),
        f"  Sandbox            {_sandbox(settings, started)}",
        f"  Data directory     {data}",
    )


def _data_location(settings: Settings) -> str:
    turns = "PostgreSQL" if settings.database_url else str(settings.data_dir)
    files = f"; files in Azure Blob Storage, container {settings.blobs.container}" if settings.blobs else ""
    return turns + files


def _sandbox(settings: Settings, started: Started) -> str:
    if settings.backend is not Backend.EMBEDDED:
        return "run by the assistant's service"
    return started.isolation or f"none, code is not run: {started.sandbox_unavailable_reason}"


def _address(settings: Settings) -> str:
    match settings.endpoint:
        case OpenAIEndpoint(base_url=url) | AzureEndpoint(url=url) | FoundryEndpoint(url=url):
            return url
        case None:
            return "no address"
