"""Every setting there is, in one table: the .env.example, the settings page and `teamsbot config` are made from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from service import setting_values as values
from service.setting_spec import Section, SettingSpec
from service.setting_specs_storage import STORAGE_SPECS
from service.setting_values import Backend, LogFormat, LogLevel

_INSTRUCTIONS = (
    "You are a friendly mathematics tutor who helps people solve problems. You can write Python and run it in a "
    "sandbox. Use it to calculate and to draw, and tell the person why you used code and how it works."
)
_NO_AUTHENTICATION = "this version does not authenticate requests yet and therefore serves this machine only"
_NO_FOUNDRY = "this version does not talk to Microsoft Foundry agents yet"


def default_sandbox_python() -> Path:
    """The interpreter of the sandbox's own environment, which `make run` puts beside the service's."""
    return Path(sys.prefix).parent / ".sandbox" / "bin" / "python"


HOST: Final = SettingSpec(
    name="HOST",
    section=Section.LISTENING,
    doc="Address to listen on. Loopback only, until requests are authenticated.",
    example="127.0.0.1",
    parse=values.loopback_host,
    default="127.0.0.1",
)
PORT: Final = SettingSpec(
    name="PORT",
    section=Section.LISTENING,
    doc="Port to listen on. 0 takes any free port and says which.",
    example="3979",
    parse=values.port,
    default="3978",
)
PUBLIC_URL: Final = SettingSpec(
    name="PUBLIC_URL",
    section=Section.LISTENING,
    doc="Address under which chat clients reach this service: links to plots and files begin with it.",
    example="https://bot.example.com",
    parse=values.url,
    default_doc="http://HOST:PORT",
)
DATA_DIR: Final = SettingSpec(
    name="DATA_DIR",
    section=Section.LISTENING,
    doc="Folder for conversations, plots and files. Made if missing, readable by its owner only (mode 0700).",
    example="/var/lib/teamsbot",
    parse=values.folder,
    default="./data",
)
ASSISTANT_BACKEND: Final = SettingSpec(
    name="ASSISTANT_BACKEND",
    section=Section.ASSISTANT,
    doc="Whose assistant answers. `embedded`: one that this program serves itself, with any model behind it. "
    "`assistants`: one at an Assistants-compatible service, such as Microsoft Foundry (classic).",
    example="embedded",
    parse=values.one_of(Backend, later={"responses": "the hosted Responses API comes in a later version"}),
    default=Backend.EMBEDDED,
)
ASSISTANT_ID: Final = SettingSpec(
    name="ASSISTANT_ID",
    section=Section.ASSISTANT,
    doc="An assistant that exists at the service. For `ASSISTANT_BACKEND=assistants`; "
    "without it the bot uses the one called ASSISTANT_NAME, and makes it if there is none.",
    example="asst_abc123",
    parse=values.line,
)
ASSISTANT_NAME: Final = SettingSpec(
    name="ASSISTANT_NAME",
    section=Section.ASSISTANT,
    doc="Name of the assistant. A start with the same name finds the same assistant again.",
    example="Math Tutor",
    parse=values.line,
    default="Math Tutor",
)
ASSISTANT_INSTRUCTIONS: Final = SettingSpec(
    name="ASSISTANT_INSTRUCTIONS",
    section=Section.ASSISTANT,
    doc="What the assistant is told about its task.",
    example="You are a patient statistics tutor. Use code to calculate.",
    parse=values.prose,
    default=_INSTRUCTIONS,
)
MODEL: Final = SettingSpec(
    name="MODEL",
    section=Section.MODEL,
    doc="Model that answers, as its service calls it; with Azure OpenAI the name of the deployment. There is no "
    "default: without an address or key the built-in tutor answers, which is no language model.",
    example="llama3.1",
    parse=values.line,
)
OPENAI_BASE_URL: Final = SettingSpec(
    name="OPENAI_BASE_URL",
    section=Section.MODEL,
    doc="Address of an OpenAI-compatible service (Ollama, vLLM, LM Studio, OpenAI), up to and with its `/v1`. "
    "With `embedded`, its Chat Completions are the model; with `assistants`, its Assistants are used.",
    example="http://127.0.0.1:11434/v1",
    parse=values.url,
    default_doc="OpenAI's own, once OPENAI_API_KEY is set",
)
OPENAI_API_KEY: Final = SettingSpec(
    name="OPENAI_API_KEY",
    section=Section.MODEL,
    doc="Key for OPENAI_BASE_URL; alone, for OpenAI itself. One that your shell exports counts as set: "
    "`OPENAI_API_KEY= make run` starts without it.",
    example="sk-your-key",
    parse=values.secret,
    secret=True,
)
AZURE_OPENAI_ENDPOINT: Final = SettingSpec(
    name="AZURE_OPENAI_ENDPOINT",
    section=Section.MODEL,
    doc="Address of an Azure OpenAI resource, instead of OPENAI_BASE_URL.",
    example="https://my-resource.openai.azure.com",
    parse=values.url,
)
AZURE_OPENAI_API_KEY: Final = SettingSpec(
    name="AZURE_OPENAI_API_KEY",
    section=Section.MODEL,
    doc="Key for AZURE_OPENAI_ENDPOINT.",
    example="your-azure-key",
    parse=values.secret,
    secret=True,
)
AZURE_OPENAI_API_VERSION: Final = SettingSpec(
    name="AZURE_OPENAI_API_VERSION",
    section=Section.MODEL,
    doc="Dated API version for AZURE_OPENAI_ENDPOINT. Without it the undated v1 API is used.",
    example="2024-10-21",
    parse=values.line,
)
ASSISTANTS_API_KEY: Final = SettingSpec(
    name="ASSISTANTS_API_KEY",
    section=Section.ASSISTANT,
    doc="Key that clients of `teamsbot assistants` must send.",
    example="a-long-random-word",
    parse=values.secret,
    default_doc="made at the first start, kept in DATA_DIR and printed",
    secret=True,
)
TEAMSBOT_SANDBOX_PYTHON: Final = SettingSpec(
    name="TEAMSBOT_SANDBOX_PYTHON",
    section=Section.CODE,
    doc="Python of the environment in which the assistant's code runs (numpy, matplotlib and the like).",
    example="/opt/teamsbot/.sandbox/bin/python",
    parse=values.interpreter,
    default_doc=".sandbox/bin/python beside the service's own environment",
)
TEAMSBOT_RUN_DEADLINE_S: Final = SettingSpec(
    name="TEAMSBOT_RUN_DEADLINE_S",
    section=Section.CODE,
    doc="Seconds after which an answer is given up.",
    example="600",
    parse=values.duration_s,
    default="600",
)
LOG_LEVEL: Final = SettingSpec(
    name="LOG_LEVEL",
    section=Section.LOGS,
    doc="Least important line to write: `debug`, `info`, `warning` or `error`. No level writes what people say.",
    example="debug",
    parse=values.one_of(LogLevel),
    default=LogLevel.INFO,
)
LOG_FORMAT: Final = SettingSpec(
    name="LOG_FORMAT",
    section=Section.LOGS,
    doc="`text`, `json` (one object a line), or `auto`: text on a terminal, else JSON.",
    example="json",
    parse=values.one_of(LogFormat),
    default=LogFormat.AUTO,
)
NO_COLOR: Final = SettingSpec(
    name="NO_COLOR",
    section=Section.LOGS,
    doc="Any value switches colours off.",
    example="1",
    parse=values.given,
)


_LATER: Final = tuple(
    SettingSpec(
        name=name,
        section=Section.LATER,
        doc=doc,
        example="",
        parse=values.line,
        aliases=aliases,
        later=why,
        secret=True,
    )
    for name, aliases, doc, why in (
        ("MicrosoftAppType", (), "Kind of the bot's app registration.", _NO_AUTHENTICATION),
        ("MicrosoftAppId", ("CLIENT_ID",), "Id of the app registration.", _NO_AUTHENTICATION),
        ("MicrosoftAppPassword", ("CLIENT_SECRET",), "Secret of the app registration.", _NO_AUTHENTICATION),
        ("MicrosoftAppTenantId", ("TENANT_ID",), "Tenant of the app registration.", _NO_AUTHENTICATION),
        ("AZURE_AI_PROJECT_ENDPOINT", (), "Address of a Microsoft Foundry project.", _NO_FOUNDRY),
        ("AZURE_AI_AGENT_NAME", (), "Name of an agent in that project.", _NO_FOUNDRY),
    )
)

SPECS: Final[tuple[SettingSpec[object], ...]] = (
    HOST,
    PORT,
    PUBLIC_URL,
    DATA_DIR,
    *STORAGE_SPECS,
    ASSISTANT_BACKEND,
    ASSISTANT_ID,
    ASSISTANT_NAME,
    ASSISTANT_INSTRUCTIONS,
    ASSISTANTS_API_KEY,
    MODEL,
    OPENAI_BASE_URL,
    OPENAI_API_KEY,
    AZURE_OPENAI_ENDPOINT,
    AZURE_OPENAI_API_KEY,
    AZURE_OPENAI_API_VERSION,
    TEAMSBOT_SANDBOX_PYTHON,
    TEAMSBOT_RUN_DEADLINE_S,
    LOG_LEVEL,
    LOG_FORMAT,
    NO_COLOR,
    *_LATER,
)
