"""Every setting, one row each. .env.example, docs/settings.md and `teamsbot config` are made from this table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, Generic, TypeVar

from adapters.sandbox.code_result import IsolationLevel
from bot.parts import TableForm
from service.settings import parsers
from service.settings.parsers import AppType, Backend, CloudName, LogFormat, LogLevel, SandboxKind

Value_co = TypeVar("Value_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Setting(Generic[Value_co]):
    """One row of the table. `parse` raises ValueError with the second half of a sentence: "must be ...".

    `default_doc` describes a default that depends on the machine or on other settings. `aliases` are other accepted
    names. `environment_only` is for what no file may decide.
    """

    name: str
    parse: Callable[[str], Value_co]
    default: str | None
    example: str
    doc: str
    default_doc: str | None = field(default=None, kw_only=True)
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    secret: bool = field(default=False, kw_only=True)
    environment_only: bool = field(default=False, kw_only=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)


_INSTRUCTIONS = (
    "You are a friendly mathematics tutor who helps people solve problems. You can write Python and run it in a "
    "sandbox. Use it to calculate and to draw, and tell the person why you used code and how it works."
)


def default_sandbox_python() -> Path:
    """The interpreter of the sandbox's own environment, which `make run` puts beside the service's."""
    return Path(sys.prefix).parent / ".sandbox" / "bin" / "python"


# The columns: name, parser, default, example, explanation.
# fmt: off

HOST: Final = Setting(
    "HOST", parsers.host, "127.0.0.1", "0.0.0.0",  # noqa: S104 - an example
    "Address to listen on. Without MicrosoftAppId callers are not authenticated, and it must be a loopback address.")
PORT: Final = Setting(
    "PORT", parsers.port, "3978", "3979",
    "Port to listen on. 0 takes any free port and says which.")
PUBLIC_URL: Final = Setting(
    "PUBLIC_URL", parsers.url, None, "https://bot.example.com",
    "Address under which chat clients reach this service: links to plots and files begin with it.",
    default_doc="http://HOST:PORT; with MicrosoftAppId and Azure Blob Storage, links lead to the storage")
LINK_SIGNING_KEY: Final = Setting(
    "LINK_SIGNING_KEY", parsers.signing_keys, None, "hT4mPq8WzX2kVn6yRb0cJs7dLf3gAe9u",
    "Key that signs links to plots and files: at least 32 random characters. To replace it, write `new,old`: links are "
    "signed by the first and opened by both; drop the old one after LINK_LIFETIME_S.",
    default_doc="generated, and kept with the files", secret=True)
LINK_LIFETIME_S: Final = Setting(
    "LINK_LIFETIME_S", parsers.lifetime_s, "7776000", "2592000",
    "How long a link to a plot or file opens it, in seconds; 90 days unless set. Age is checked when the link is "
    "opened, so a shorter time ends older links too.")
LINK_HOSTS: Final = Setting(
    "LINK_HOSTS", parsers.hosts, None, "docs.python.org,intranet.example.com",
    "Hosts to which answers may link, separated by commas, beside those that a person names and this service itself. "
    "Of other links the host is shown as text, since a model can be talked into an address that carries data away.")
CHAT_PAGE: Final = Setting(
    "CHAT_PAGE", parsers.switch, None, "on",
    "Whether the local chat page is served: `on` or `off`. It is for people at this machine and listens on loopback "
    "only; with MicrosoftAppId, at CHAT_PAGE_PORT.",
    default_doc="on; off with MicrosoftAppId or DATABASE_URL")
CHAT_PAGE_PORT: Final = Setting(
    "CHAT_PAGE_PORT", parsers.port, "3979", "3979",
    "Port of the chat page on 127.0.0.1 when MicrosoftAppId is set. Without it the page is at PORT.")
DATA_DIR: Final = Setting(
    "DATA_DIR", parsers.folder, "./data", "/var/lib/teamsbot",
    "Directory for conversations, plots and files. Created if missing, readable by its owner only (mode 0700).")

MICROSOFT_APP_ID: Final = Setting(
    "MicrosoftAppId", parsers.guid, None, "11111111-2222-3333-4444-555555555555",
    "Id of the bot's app registration. With it the bot serves Microsoft Teams: `/api/messages` demands Teams' signed "
    "tokens. Without it programs of this machine are served, and nobody else.",
    aliases=("CLIENT_ID",))
MICROSOFT_APP_TYPE: Final = Setting(
    "MicrosoftAppType", parsers.app_type, AppType.SINGLE_TENANT, "UserAssignedMSI",
    "Kind of the registration: `SingleTenant`, `MultiTenant`, or `UserAssignedMSI` for a bot that is a managed "
    "identity.")
MICROSOFT_APP_TENANT_ID: Final = Setting(
    "MicrosoftAppTenantId", parsers.guid, None, "99999999-8888-7777-6666-555555555555",
    "Tenant of the app registration, in which the bot asks for its tokens.",
    aliases=("TENANT_ID",))
MICROSOFT_APP_PASSWORD: Final = Setting(
    "MicrosoftAppPassword", parsers.secret, None, "the-secret-value",
    "Client secret of the app registration (its value, not its id).",
    aliases=("CLIENT_SECRET",), secret=True)
MICROSOFT_APP_CERTIFICATE: Final = Setting(
    "MicrosoftAppCertificate", parsers.path, None, "/etc/teamsbot/bot.pem",
    "PEM file with certificate and private key, instead of a secret.")
MICROSOFT_APP_FEDERATED_IDENTITY: Final = Setting(
    "MicrosoftAppFederatedIdentity", parsers.guid, None, "22222222-3333-4444-5555-666666666666",
    "Client id of a user-assigned managed identity that the app registration trusts (federated credential), instead "
    "of a secret: the way without anything to keep or to renew.")
CLOUD: Final = Setting(
    "CLOUD", parsers.one_of(CloudName), CloudName.PUBLIC, "gcch",
    "Microsoft cloud of the tenant: `public`, `gcc`, `gcch`, `dod` or `china`.")
CHANNEL_SERVICE: Final = Setting(
    "ChannelService", parsers.url, None, "https://botframework.azure.us",
    "Bot Framework's own name for the cloud; CLOUD says the same in a word.")
METADATA_URL: Final = Setting(
    "ToBotFromChannelOpenIdMetadataUrl", parsers.secure_url, None,
    "https://login.botframework.com/v1/.well-known/openidconfiguration",
    "OpenID metadata of the issuer of Teams' tokens. For test rigs; the cloud has its own.",
    default_doc="that of the cloud")
TOKEN_ISSUER: Final = Setting(
    "ToBotFromChannelTokenIssuer", parsers.url, None, "https://api.botframework.com",
    "Issuer of Teams' tokens, as their `iss` names it. For test rigs; the cloud has its own.",
    default_doc="that of the cloud")
LOGIN_URL: Final = Setting(
    "ToChannelFromBotLoginUrl", parsers.login_url, None, "https://login.microsoftonline.com/botframework.com",
    "Where the bot asks for its own token, with the tenant as the path. For test rigs; the cloud has its own.",
    default_doc="that of the cloud, with MicrosoftAppTenantId")
OAUTH_SCOPE: Final = Setting(
    "ToChannelFromBotOAuthScope", parsers.line, None, "https://api.botframework.com/.default",
    "What the bot's own token is for. For test rigs; the cloud has its own.",
    default_doc="that of the cloud")
GRAPH_URL: Final = Setting(
    "GRAPH_URL", parsers.secure_url, None, "https://graph.microsoft.com",
    "Microsoft Graph, through which files of channels and group chats are read (GRAPH_FILES), and where "
    "`teamsbot doctor` looks at the app registration. It gets the bot's token for Graph. For test rigs; the cloud has "
    "its own.",
    default_doc="that of the cloud")
GRAPH_FILES: Final = Setting(
    "GRAPH_FILES", parsers.switch, "off", "on",
    "Whether files that people attach in channels and group chats are read, through Microsoft Graph: `on` or `off`. It "
    "needs consent: the app package that `teamsbot manifest` builds with `on` asks each team and chat to let the app "
    "read its messages, and an administrator grants Files.Read.All (docs/teams.md). Files of one-to-one chats need "
    "none of that.")
TRUSTED_SERVICE_URLS: Final = Setting(
    "TRUSTED_SERVICE_URLS", parsers.origins, None, "https://smba.example.com",
    "Exact origins, separated by commas, that may receive the bot's answers **and its token**, beside the hosts of the "
    "cloud. For test rigs, and for clouds whose hosts this program does not know.")
FILE_CONSENT: Final = Setting(
    "FILE_CONSENT", parsers.switch, "on", "off",
    "Whether files of answers are offered in one-to-one chats of Teams, to be put into the person's OneDrive (`on`), "
    "or linked as everywhere else (`off`). Teams offers files in its public and GCC clouds only.")
TRUSTED_FILE_ORIGINS: Final = Setting(
    "TRUSTED_FILE_ORIGINS", parsers.origins, None, "https://files.example.com",
    "Exact origins, separated by commas, from which files that come with messages may be fetched, beside SharePoint, "
    "OneDrive and Teams itself. They may lie within this network, and never see the bot's token. For test rigs.")

ALLOWED_TENANTS: Final = Setting(
    "ALLOWED_TENANTS", parsers.guids_or_everybody, None, "99999999-8888-7777-6666-555555555555",
    "Ids of the tenants whose people are answered, separated by commas; `*` answers everybody who can install the bot.",
    default_doc="MicrosoftAppTenantId")
ALLOWED_USERS: Final = Setting(
    "ALLOWED_USERS", parsers.guids, None, "33333333-4444-5555-6666-777777777777",
    "Object ids of the people who are answered (Microsoft Entra ID), separated by commas.",
    default_doc="everybody in ALLOWED_TENANTS")
ALLOW_GUESTS: Final = Setting(
    "ALLOW_GUESTS", parsers.switch, "off", "on",
    "Whether guests of a tenant are answered, as far as Teams says that somebody is one: `on` or `off`.")

STREAMING: Final = Setting(
    "STREAMING", parsers.switch, "on", "off",
    "Whether answers in one-to-one chats of Teams are streamed, word by word: `on` or `off`.")
CONTEXT_MESSAGES: Final = Setting(
    "CONTEXT_MESSAGES", parsers.context_messages, "0", "10",
    "How many of the latest messages that do not mention the bot a question in a group or channel brings along as "
    "context (at most 20, 500 characters each, of the last 4 hours, kept in memory only). Teams sends them only where "
    "the app has resource-specific consent to read messages (ChannelMessage.Read.Group, ChatMessage.Read.Chat). "
    "Without it they are ignored.")
AI_LABEL: Final = Setting(
    "AI_LABEL", parsers.switch, "on", "off",
    "Whether answers carry Teams' label 'AI generated': `on` or `off`.")
FEEDBACK_BUTTONS: Final = Setting(
    "FEEDBACK_BUTTONS", parsers.switch, "on", "off",
    "Whether answers in Teams carry buttons for a thumb up or down: `on` or `off`.")
FOLLOW_UPS: Final = Setting(
    "FOLLOW_UPS", parsers.switch, "on", "off",
    "Whether questions under 'You could ask next:' at the end of an answer become buttons in one-to-one chats: "
    "`on` or `off`.")
SHOW_CODE: Final = Setting(
    "SHOW_CODE", parsers.switch, "on", "off",
    "Whether a plot's card has buttons for the code behind it, its points as a csv file and how the result was worked "
    "out: `on` or `off`. With `off` the explanation stays in the text.")
NATIVE_CHARTS: Final = Setting(
    "NATIVE_CHARTS", parsers.switch, "off", "on",
    "Whether a line or bar chart of few points is drawn by Teams itself, with the plot as its fallback: `on` or `off`. "
    "Some clients are reported to show nothing in the place of such charts.")
TABLES: Final = Setting(
    "TABLES", parsers.one_of(TableForm), TableForm.CARD, "block",
    "How Teams shows small tables of answers: `card` (a table on a card), `block` (columns in a fixed-width font, in "
    "the text) or `extendedmarkdown` (Teams' Markdown with tables, in public developer preview; where it is refused, "
    "the block is sent). Larger tables are blocks.")
CITATIONS: Final = Setting(
    "CITATIONS", parsers.switch, "on", "off",
    "Whether files that an answer cites are shown as numbered sources: `on` or `off`.")

DATABASE_URL: Final = Setting(
    "DATABASE_URL", parsers.postgresql_url, None,
    "postgresql://teamsbot:password@db.example.com:5432/teamsbot?sslmode=require",
    "PostgreSQL (14 or newer) for turns and threads, instead of a file in DATA_DIR: for several processes that "
    "share the work. Needs another ASSISTANT_BACKEND than `embedded`, and Azure Blob Storage: each of them must reach "
    "everything.",
    secret=True)
AZURE_STORAGE_CONNECTION_STRING: Final = Setting(
    "AZURE_STORAGE_CONNECTION_STRING", parsers.storage_connection_string, None,
    "DefaultEndpointsProtocol=https;AccountName=my;AccountKey=bXkta2V5;EndpointSuffix=core.windows.net",
    "Azure Blob Storage for plots and files, instead of DATA_DIR; as the portal shows it under Access keys.",
    secret=True)
AZURE_STORAGE_ACCOUNT_URL: Final = Setting(
    "AZURE_STORAGE_ACCOUNT_URL", parsers.storage_account_url, None, "https://my.blob.core.windows.net",
    "Azure Blob Storage without a key: by the machine's managed identity, or a developer's login. It needs the "
    "role Storage Blob Data Contributor. AZURE_CLIENT_ID in the environment selects one of several identities.")
AZURE_STORAGE_CONTAINER: Final = Setting(
    "AZURE_STORAGE_CONTAINER", parsers.container_name, "teamsbot", "plots",
    "Container for plots and files. Created, private, if it is missing.")
STORAGE_WAIT_S: Final = Setting(
    "STORAGE_WAIT_S", parsers.wait_s, "60", "120",
    "How long an answer waits for file storage that is down, in seconds; 0 for not at all. After that it comes without "
    "its plots and files, and says so.")

ASSISTANT_BACKEND: Final = Setting(
    "ASSISTANT_BACKEND", parsers.one_of(Backend), Backend.EMBEDDED, "embedded",
    "Which service runs the assistant. `embedded`: this program itself, with any model behind it. `responses`: the "
    "Responses API of OpenAI, Azure OpenAI or Microsoft Foundry. `assistants`: an Assistants-compatible service, such "
    "as Microsoft Foundry (classic).")
ASSISTANT_ID: Final = Setting(
    "ASSISTANT_ID", parsers.line, None, "asst_abc123",
    "An assistant that exists at the service. For `ASSISTANT_BACKEND=assistants`; "
    "without it the bot uses the one called ASSISTANT_NAME, and creates it if there is none.")
ASSISTANT_NAME: Final = Setting(
    "ASSISTANT_NAME", parsers.line, "Math Tutor", "Math Tutor",
    "Name of the assistant. A start with the same name finds the same assistant again.")
ASSISTANT_INSTRUCTIONS: Final = Setting(
    "ASSISTANT_INSTRUCTIONS", parsers.prose, _INSTRUCTIONS,
    "You are a patient statistics tutor. Use code to calculate.",
    "The assistant's instructions (system prompt).")
ASSISTANTS_FILE: Final = Setting(
    "ASSISTANTS_FILE", parsers.path, None, "/etc/teamsbot/assistants.toml",
    "File that describes several assistants, from which people choose by `/assistant` (docs/assistants.md). Without "
    "one there is the assistant that the settings here describe.",
    default_doc="assistants.toml beside .env, if there is one")
ASSISTANTS_API_VERSION: Final = Setting(
    "ASSISTANTS_API_VERSION", parsers.line, None, "2025-05-01",
    "API version that the service of `ASSISTANT_BACKEND=assistants` wants in each address (`?api-version=`).",
    default_doc="v1 with AZURE_AI_PROJECT_ENDPOINT, else none")
ASSISTANTS_API_KEY: Final = Setting(
    "ASSISTANTS_API_KEY", parsers.secret, None, "a-long-random-word",
    "Key that clients of `teamsbot assistants` must send.",
    default_doc="generated at the first start, kept in DATA_DIR, shown on a terminal", secret=True)

MODEL: Final = Setting(
    "MODEL", parsers.line, None, "llama3.1",
    "Model that answers, as its service calls it; with Azure OpenAI the name of the deployment. There is no "
    "default: without an address or key the built-in tutor answers, which is no language model.")
OPENAI_BASE_URL: Final = Setting(
    "OPENAI_BASE_URL", parsers.url, None, "http://127.0.0.1:11434/v1",
    "Address of an OpenAI-compatible service (Ollama, vLLM, LM Studio, OpenAI), up to and with its `/v1`. "
    "With `embedded`, its Chat Completions are the model; with `responses` and `assistants`, its interface of that "
    "name is used.",
    default_doc="OpenAI's own, once OPENAI_API_KEY is set")
OPENAI_API_KEY: Final = Setting(
    "OPENAI_API_KEY", parsers.secret, None, "sk-your-key",
    "Key for OPENAI_BASE_URL; alone, for OpenAI itself. One that your shell exports counts as set: "
    "`OPENAI_API_KEY= make run` starts without it.",
    secret=True)
AZURE_OPENAI_ENDPOINT: Final = Setting(
    "AZURE_OPENAI_ENDPOINT", parsers.azure_endpoint, None, "https://my-resource.openai.azure.com",
    "Address of an Azure OpenAI resource, instead of OPENAI_BASE_URL.")
AZURE_OPENAI_API_KEY: Final = Setting(
    "AZURE_OPENAI_API_KEY", parsers.secret, None, "your-azure-key",
    "Key for AZURE_OPENAI_ENDPOINT. Without one, `ASSISTANT_BACKEND=responses` uses the identity of this process "
    "(Microsoft Entra ID): a managed identity, or a developer's login.",
    secret=True)
AZURE_OPENAI_API_VERSION: Final = Setting(
    "AZURE_OPENAI_API_VERSION", parsers.line, None, "2024-10-21",
    "Dated API version for AZURE_OPENAI_ENDPOINT. Without it the undated v1 API is used.")

AZURE_AI_PROJECT_ENDPOINT: Final = Setting(
    "AZURE_AI_PROJECT_ENDPOINT", parsers.url, None, "https://my-account.services.ai.azure.com/api/projects/my-project",
    "Address of a Microsoft Foundry project: for `ASSISTANT_BACKEND=responses`, or, until 2027-03-31, for its agents "
    "(classic) with `assistants`. The bot proves itself by its identity (Microsoft Entra ID), which needs the role "
    "Azure AI User; Foundry takes no keys.")
AZURE_AI_AGENT_NAME: Final = Setting(
    "AZURE_AI_AGENT_NAME", parsers.line, None, "math-tutor",
    "Agent of that project that answers, with the model, instructions and tools that it has there. Give it Code "
    "Interpreter. Without an agent, MODEL names a deployment of the project.")

TEAMSBOT_SANDBOX_PYTHON: Final = Setting(
    "TEAMSBOT_SANDBOX_PYTHON", parsers.interpreter, None, "/opt/teamsbot/.sandbox/bin/python",
    "Python of the environment in which the assistant's code runs (numpy, matplotlib and the like). It names a "
    "program, so it is taken from the environment only, not from .env.",
    default_doc=".sandbox/bin/python beside the service's own environment", environment_only=True)
SANDBOX: Final = Setting(
    "SANDBOX", parsers.one_of(SandboxKind), None, "dynamic-sessions",
    "Where the assistant's code runs with `ASSISTANT_BACKEND=embedded`: `local`, isolated on this machine, or "
    "`dynamic-sessions`, in virtual machines of Azure Container Apps: for people whom you do not know.",
    default_doc="dynamic-sessions with DYNAMIC_SESSIONS_ENDPOINT, else local")
DYNAMIC_SESSIONS_ENDPOINT: Final = Setting(
    "DYNAMIC_SESSIONS_ENDPOINT", parsers.secure_url, None,
    "https://westeurope.dynamicsessions.io/subscriptions/99999999-8888-7777-6666-555555555555/resourceGroups/bot"
    "/sessionPools/bot-code",
    "Management endpoint of the pool of sessions (Python code interpreter). The bot proves itself by the credential of "
    "its app registration, without one by the identity of this process; it needs the role Azure ContainerApps Session "
    "Executor on the pool.")
SANDBOX_AT_LEAST: Final = Setting(
    "SANDBOX_AT_LEAST", parsers.one_of(IsolationLevel), None, "bubblewrap",
    "Weakest isolation in which code may be run: `dynamic-sessions`, `bubblewrap`, or `landlock`, which also works in "
    "most containers. Below it no code is run, and a bot with an app id refuses to start.",
    default_doc="`landlock`, and a bot with an app id starts without code if that is missing too")
TEAMSBOT_RUN_DEADLINE_S: Final = Setting(
    "TEAMSBOT_RUN_DEADLINE_S", parsers.duration_s, "600", "600",
    "Time limit for one answer, in seconds.")

FUNCTIONS_DIR: Final = Setting(
    "FUNCTIONS_DIR", parsers.folder, None, "/etc/teamsbot/functions",
    "Folder of Python files with functions that the assistant may call (docs/functions.md). Only its owner may be able "
    "to change what is in it.")
FUNCTIONS_TIMEOUT_S: Final = Setting(
    "FUNCTIONS_TIMEOUT_S", parsers.duration_s, "30", "10",
    "Time limit for one call of such a function, in seconds; then its process is killed.")

LIMIT_QUESTIONS: Final = Setting(
    "LIMIT_QUESTIONS_PER_MINUTE", parsers.limit, None, "10",
    "How many questions a person may ask in a minute; `off` for no limit. People at the limit are told when to ask "
    "again. Limits hold for all replicas together.",
    default_doc="60 with MicrosoftAppId, else off")
LIMIT_TOKENS: Final = Setting(
    "LIMIT_TOKENS_PER_DAY", parsers.limit, None, "500000",
    "How many tokens, read and written, a person may use in a day (UTC); `off` for no limit.",
    default_doc="10000000 with MicrosoftAppId, else off")
LIMIT_CODE: Final = Setting(
    "LIMIT_CODE_SECONDS_PER_HOUR", parsers.limit, None, "600",
    "How many seconds of an hour the code behind a person's questions may run; `off` for no limit. Then questions are "
    "answered in words until the next hour. It is counted with `ASSISTANT_BACKEND=embedded`, whose sandbox is yours.",
    default_doc="1800 with MicrosoftAppId, else off")
LIMIT_TENANT_QUESTIONS: Final = Setting(
    "LIMIT_TENANT_QUESTIONS_PER_MINUTE", parsers.limit, "off", "2000",
    "The same for all people of a tenant together: questions a minute.")
LIMIT_TENANT_TOKENS: Final = Setting(
    "LIMIT_TENANT_TOKENS_PER_DAY", parsers.limit, "off", "1000000000",
    "The same for all people of a tenant together: tokens a day.")

TEAMS_APP_NAME: Final = Setting(
    "TEAMS_APP_NAME", parsers.app_name, None, "Math Tutor",
    "Name under which Teams shows the app; at most 23 characters, since a package for tests adds its stage.",
    default_doc="ASSISTANT_NAME, if it is short enough")
TEAMS_APP_VERSION: Final = Setting(
    "TEAMS_APP_VERSION", parsers.app_version, "1.0.0", "1.1.0",
    "Version of the app package. Teams takes an update only if it is higher than the last.")
TEAMS_DEVELOPER_NAME: Final = Setting(
    "TEAMS_DEVELOPER_NAME", parsers.developer_name, None, "Contoso Ltd",
    "Who publishes the app, as Teams shows it: your company, in at most 32 characters.")
TEAMS_WEBSITE_URL: Final = Setting(
    "TEAMS_WEBSITE_URL", parsers.https_url, None, "https://intranet.example.com/tutor",
    "Page where people find help with the app.")
TEAMS_PRIVACY_URL: Final = Setting(
    "TEAMS_PRIVACY_URL", parsers.https_url, None, "https://intranet.example.com/privacy",
    "Page with your privacy notice.", default_doc="TEAMS_WEBSITE_URL")
TEAMS_TERMS_URL: Final = Setting(
    "TEAMS_TERMS_URL", parsers.https_url, None, "https://intranet.example.com/terms",
    "Page with your terms of use.", default_doc="TEAMS_WEBSITE_URL")

LOG_LEVEL: Final = Setting(
    "LOG_LEVEL", parsers.one_of(LogLevel), None, "debug",
    "Lowest level to log: `debug`, `info`, `warning` or `error`. No level logs what people write.",
    default_doc="info; warning on a terminal")
LOG_FORMAT: Final = Setting(
    "LOG_FORMAT", parsers.one_of(LogFormat), LogFormat.AUTO, "json",
    "`text`, `json` (one object a line), or `auto`: text on a terminal, else JSON.")
NO_COLOR: Final = Setting("NO_COLOR", parsers.given, None, "1", "Any value switches colours off.")
# fmt: on

TEAMS_CREDENTIALS: Final = (MICROSOFT_APP_PASSWORD, MICROSOFT_APP_CERTIFICATE, MICROSOFT_APP_FEDERATED_IDENTITY)
ANSWERS: Final = (
    STREAMING,
    TABLES,
    NATIVE_CHARTS,
    SHOW_CODE,
    CITATIONS,
    FOLLOW_UPS,
    AI_LABEL,
    FEEDBACK_BUTTONS,
    CONTEXT_MESSAGES,
)
TEAMS_ACCESS: Final = (ALLOWED_TENANTS, ALLOWED_USERS, ALLOW_GUESTS)
TEAMS: Final = (
    MICROSOFT_APP_ID,
    MICROSOFT_APP_TYPE,
    MICROSOFT_APP_TENANT_ID,
    *TEAMS_CREDENTIALS,
    *TEAMS_ACCESS,
    CLOUD,
    CHANNEL_SERVICE,
    METADATA_URL,
    TOKEN_ISSUER,
    LOGIN_URL,
    OAUTH_SCOPE,
    GRAPH_URL,
    GRAPH_FILES,
    TRUSTED_SERVICE_URLS,
    TRUSTED_FILE_ORIGINS,
    FILE_CONSENT,
)
LINKS: Final = (LINK_SIGNING_KEY, LINK_LIFETIME_S, LINK_HOSTS)
CHAT: Final = (CHAT_PAGE, CHAT_PAGE_PORT)
AZURE_OPENAI: Final = (AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY, AZURE_OPENAI_API_VERSION)
AZURE_AI: Final = (AZURE_AI_PROJECT_ENDPOINT, AZURE_AI_AGENT_NAME)
RUNNING_CODE: Final = (SANDBOX, DYNAMIC_SESSIONS_ENDPOINT, SANDBOX_AT_LEAST, TEAMSBOT_SANDBOX_PYTHON)
AZURE_STORAGE: Final = (AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT_URL, AZURE_STORAGE_CONTAINER)

TEAMS_APP: Final = (
    TEAMS_APP_NAME,
    TEAMS_APP_VERSION,
    TEAMS_DEVELOPER_NAME,
    TEAMS_WEBSITE_URL,
    TEAMS_PRIVACY_URL,
    TEAMS_TERMS_URL,
)

SECTIONS: Final[Mapping[str, tuple[Setting[object], ...]]] = {
    "Network and data directory": (HOST, PORT, PUBLIC_URL, *LINKS, *CHAT, DATA_DIR),
    "Microsoft Teams": TEAMS,
    "Answers": ANSWERS,
    "External storage: PostgreSQL, Azure Blob Storage": (DATABASE_URL, *AZURE_STORAGE, STORAGE_WAIT_S),
    "The assistant": (
        ASSISTANT_BACKEND,
        ASSISTANT_ID,
        ASSISTANT_NAME,
        ASSISTANT_INSTRUCTIONS,
        ASSISTANTS_FILE,
        ASSISTANTS_API_VERSION,
        ASSISTANTS_API_KEY,
    ),
    "The model or service behind the assistant": (
        MODEL,
        OPENAI_BASE_URL,
        OPENAI_API_KEY,
        *AZURE_OPENAI,
        *AZURE_AI,
    ),
    "Running code": (*RUNNING_CODE, TEAMSBOT_RUN_DEADLINE_S),
    "Functions of your own": (FUNCTIONS_DIR, FUNCTIONS_TIMEOUT_S),
    "Limits": (LIMIT_QUESTIONS, LIMIT_TOKENS, LIMIT_CODE, LIMIT_TENANT_QUESTIONS, LIMIT_TENANT_TOKENS),
    "The app package for Teams (`teamsbot manifest`)": TEAMS_APP,
    "Logs": (LOG_LEVEL, LOG_FORMAT, NO_COLOR),
}
SETTINGS: Final = tuple(chain.from_iterable(SECTIONS.values()))
