"""The settings object that the program is built from, and the error that lists every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from adapters.sandbox.code_result import IsolationLevel
from adapters.teams.clouds import CHANNEL_SERVICES, CLOUDS, Cloud
from bot.limits import Limits
from bot.parts import TableForm
from bot.profiles import Profiles
from bot.reply import Extras
from service.settings import table
from service.settings.assistants_file import read_profiles
from service.settings.parsers import AppType, Backend, LogFormat, LogLevel, Secret
from service.settings.rules import check_together, warnings_together
from service.settings.sources import Advice, Mistake, Reading, read_settings

# What a program needs of its environment: where programs, home and certificates are. Nothing of it is a secret.
_FOR_ANY_PROGRAM = frozenset(
    ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
)
_OPENAI_URL = "https://api.openai.com/v1"
_QUESTIONS_PER_MINUTE = 60  # of a person, in a company
_TOKENS_PER_DAY = 10_000_000
_CODE_S_PER_HOUR = 1_800


class SettingsError(ValueError):
    """The settings are invalid; `mistakes` lists everything wrong, without quoting a value."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(f"- {mistake}" for mistake in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIEndpoint:
    """OpenAI or a compatible service; local ones often want no key."""

    base_url: str
    api_key: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureEndpoint:
    """An Azure OpenAI resource; without `api_version` its undated v1 API is used.

    Without a key the bot proves itself by its identity; `responses` alone does.
    """

    url: str
    api_key: Secret | None
    api_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundryEndpoint:
    """A Microsoft Foundry project, and the agent in it that answers; without one, a model of the project does."""

    url: str
    agent: str | None


ModelEndpoint = OpenAIEndpoint | AzureEndpoint | FoundryEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobsByKey:
    """A container of Azure Blob Storage, with the key in the connection string."""

    container: str
    connection_string: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobsByIdentity:
    """A container of Azure Blob Storage, with the identity of this process."""

    container: str
    account_url: str


Blobs = BlobsByKey | BlobsByIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsApp:
    """What the app package says; None is what the operator has to say before one can be built."""

    name: str
    version: str
    developer_name: str | None
    website_url: str | None
    privacy_url: str | None
    terms_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecret:
    """The app registration's client secret."""

    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A PEM file with the app registration's certificate and its private key."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedIdentity:
    """A managed identity whose tokens the app registration accepts in place of a secret."""

    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIdentity:
    """The bot is itself a user-assigned managed identity: its client id is the app id."""


BotCredential = ClientSecret | ClientCertificate | FederatedIdentity | ManagedIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsSettings:
    """The bot's registration with Microsoft, and who may use it.

    `app_type` is as the settings say it. `login_url` and `login_tenant` are where the bot asks for its own tokens;
    `own_tenant` is that of its registration.
    `allowed_tenants` None means everybody, by the operator's own `*`; `allowed_users` None means everybody of those
    tenants.
    """

    app_id: str
    app_type: AppType
    login_url: str
    login_tenant: str
    own_tenant: str | None
    credential: BotCredential
    cloud: Cloud
    trusted_service_urls: tuple[str, ...]
    trusted_file_origins: tuple[str, ...]
    offers_files: bool
    reads_shared_files: bool  # of channels and group chats, through Graph
    graph_is_named: bool  # by GRAPH_URL
    allowed_tenants: frozenset[str] | None
    allowed_users: frozenset[str] | None
    allow_guests: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionsSettings:
    """Functions of the operator's own. `environment` is all that their processes see of this one's."""

    folder: Path
    deadline_s: float
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, parsed and checked.

    `public_url` has no trailing slash; None means the address that the service listens on. Turns are stored in
    `data_dir` unless there is a `database_url`, files unless there are `blobs`. `endpoint` is the model behind the
    embedded server, or the service of another backend; with the built-in tutor both it and `model` are None.
    `is_public`: there is an app id, so callers are authenticated and may come from anywhere; `teams` has the rest of
    the registration. `chat_page_port` is None without a chat page. `link_signing_keys` has the newest key first;
    without one the key lies with the files.
    """

    host: str
    port: int
    public_url: str | None
    is_public: bool
    link_signing_keys: tuple[Secret, ...]
    link_lifetime_s: int
    link_hosts: frozenset[str]
    chat_page_port: int | None
    teams: TeamsSettings | None
    tables: TableForm  # of answers in Teams
    streaming: bool
    max_context: int
    extras: Extras
    data_dir: Path
    database_url: Secret | None
    blobs: Blobs | None
    storage_wait_s: float
    backend: Backend
    assistant_id: str | None
    assistant_name: str
    assistant_instructions: str
    profiles: Profiles  # all assistants
    assistants_api_version: str | None
    assistants_api_key: Secret | None
    model: str | None
    endpoint: ModelEndpoint | None
    sandbox_python: Path
    sandbox_at_least: IsolationLevel | None  # as demanded in so many words
    dynamic_sessions: str | None  # the endpoint of the pool in which code runs; None: it runs on this machine
    run_deadline_s: float
    limits: Limits
    functions: FunctionsSettings | None
    teams_app: TeamsApp
    log_level: LogLevel | None  # None: by where the log goes
    log_format: LogFormat
    no_color: bool
    warnings: tuple[Advice, ...] = ()  # about what works, and may not be meant

    @classmethod
    def read(cls, environ: Mapping[str, str], env_file: Path) -> Settings:
        """Read all settings; the environment overrides the file. Raises SettingsError."""
        reading = read_settings(environ, env_file)
        mistakes = (*reading.mistakes, *check_together(reading))
        if mistakes:
            raise SettingsError(mistakes)
        profiles, mistakes = read_profiles(reading, env_file)
        if mistakes:
            raise SettingsError(mistakes)
        return cls(
            host=reading.value(table.HOST),
            port=reading.value(table.PORT),
            public_url=reading.optional(table.PUBLIC_URL),
            is_public="MicrosoftAppId" in reading.found,
            link_signing_keys=reading.optional(table.LINK_SIGNING_KEY) or (),
            link_lifetime_s=reading.value(table.LINK_LIFETIME_S),
            link_hosts=reading.optional(table.LINK_HOSTS) or frozenset(),
            chat_page_port=chat_page_port(reading),
            teams=_teams(reading) if reading.has(table.MICROSOFT_APP_ID) else None,
            streaming=reading.value(table.STREAMING),
            tables=reading.value(table.TABLES),
            max_context=reading.value(table.CONTEXT_MESSAGES),
            extras=Extras(
                ai_label=reading.value(table.AI_LABEL),
                feedback=reading.value(table.FEEDBACK_BUTTONS),
                follow_ups=reading.value(table.FOLLOW_UPS),
                details=reading.value(table.SHOW_CODE),
                charts=reading.value(table.NATIVE_CHARTS),
                citations=reading.value(table.CITATIONS),
            ),
            data_dir=reading.value(table.DATA_DIR),
            database_url=reading.optional(table.DATABASE_URL),
            blobs=_blobs(reading),
            storage_wait_s=reading.value(table.STORAGE_WAIT_S),
            backend=reading.value(table.ASSISTANT_BACKEND),
            assistant_id=reading.optional(table.ASSISTANT_ID),
            assistant_name=reading.value(table.ASSISTANT_NAME),
            assistant_instructions=reading.value(table.ASSISTANT_INSTRUCTIONS),
            profiles=profiles,
            assistants_api_version=reading.optional(table.ASSISTANTS_API_VERSION),
            assistants_api_key=reading.optional(table.ASSISTANTS_API_KEY),
            model=reading.optional(table.MODEL),
            endpoint=_endpoint(reading),
            sandbox_python=reading.optional(table.TEAMSBOT_SANDBOX_PYTHON) or table.default_sandbox_python(),
            sandbox_at_least=reading.optional(table.SANDBOX_AT_LEAST),
            dynamic_sessions=reading.optional(table.DYNAMIC_SESSIONS_ENDPOINT),
            run_deadline_s=reading.value(table.TEAMSBOT_RUN_DEADLINE_S),
            limits=_limits(reading),
            functions=_functions(reading, environ),
            teams_app=_teams_app(reading),
            log_level=reading.optional(table.LOG_LEVEL),
            log_format=reading.value(table.LOG_FORMAT),
            no_color=reading.optional(table.NO_COLOR) is not None,
            warnings=tuple(warnings_together(reading)),
        )


def read_functions(environ: Mapping[str, str], env_file: Path, folder: Path | None) -> FunctionsSettings | None:
    """The settings of functions alone, whatever is wrong with others; `folder` goes before FUNCTIONS_DIR.

    None without a folder. Raises SettingsError.
    """
    environ = environ if folder is None else {**environ, table.FUNCTIONS_DIR.name: str(folder)}
    reading = read_settings(environ, env_file)
    names = {table.FUNCTIONS_DIR.name, table.FUNCTIONS_TIMEOUT_S.name}
    if mistakes := tuple(mistake for mistake in reading.mistakes if mistake.name in names):
        raise SettingsError(mistakes)
    return _functions(reading, environ)


def _functions(reading: Reading, environ: Mapping[str, str]) -> FunctionsSettings | None:
    folder = reading.optional(table.FUNCTIONS_DIR)
    if folder is None:
        return None
    passed_on = {name: value for name, value in environ.items() if name in _FOR_ANY_PROGRAM}
    return FunctionsSettings(
        folder=folder.resolve(),
        deadline_s=reading.value(table.FUNCTIONS_TIMEOUT_S),
        environment={"LANG": "C.UTF-8", **passed_on, **reading.for_functions},
    )


def _limits(reading: Reading) -> Limits:
    """As they are set. By default people of a company share generously, and a bot for this machine has no limit."""
    is_public = reading.has(table.MICROSOFT_APP_ID)
    questions, tokens = reading.optional(table.LIMIT_QUESTIONS), reading.optional(table.LIMIT_TOKENS)
    code_s = reading.optional(table.LIMIT_CODE)
    return Limits(
        questions_per_minute=(_QUESTIONS_PER_MINUTE * is_public if questions is None else questions) or None,
        tokens_per_day=(_TOKENS_PER_DAY * is_public if tokens is None else tokens) or None,
        code_s_per_hour=(_CODE_S_PER_HOUR * is_public if code_s is None else code_s) or None,
        tenant_questions_per_minute=reading.value(table.LIMIT_TENANT_QUESTIONS) or None,
        tenant_tokens_per_day=reading.value(table.LIMIT_TENANT_TOKENS) or None,
    )


def chat_page_port(reading: Reading) -> int | None:
    """The port of the local chat page; None if it is not served."""
    is_public = "MicrosoftAppId" in reading.found
    wanted = reading.optional(table.CHAT_PAGE)
    if wanted is None:  # with PostgreSQL other replicas would not know the page's chats
        wanted = not is_public and not reading.has(table.DATABASE_URL)
    if not wanted:
        return None
    return reading.value(table.CHAT_PAGE_PORT if is_public else table.PORT)


def _teams(reading: Reading) -> TeamsSettings:
    app_type, tenant = reading.value(table.MICROSOFT_APP_TYPE), reading.optional(table.MICROSOFT_APP_TENANT_ID)
    service = reading.optional(table.CHANNEL_SERVICE)
    name: str = reading.value(table.CLOUD)
    if service is not None and not reading.has(table.CLOUD):
        name = min(CHANNEL_SERVICES[service], key=list(CLOUDS).index)
    cloud = CLOUDS[name]
    cloud = replace(
        cloud,
        issuer=reading.optional(table.TOKEN_ISSUER) or cloud.issuer,
        metadata_url=reading.optional(table.METADATA_URL) or cloud.metadata_url,
        scope=reading.optional(table.OAUTH_SCOPE) or cloud.scope,
        graph_url=reading.optional(table.GRAPH_URL) or cloud.graph_url,
    )
    login = urlsplit(reading.optional(table.LOGIN_URL) or cloud.login_url)
    own_tenant = cloud.shared_tenant if app_type is AppType.MULTI_TENANT else tenant
    if reading.has(table.ALLOWED_TENANTS):
        allowed = reading.optional(table.ALLOWED_TENANTS)
    else:
        allowed = frozenset({tenant} if tenant else ())
    return TeamsSettings(
        app_id=reading.value(table.MICROSOFT_APP_ID),
        app_type=app_type,
        login_url=f"https://{login.netloc}",
        login_tenant=login.path.strip("/") or own_tenant or cloud.shared_tenant,
        own_tenant=tenant,
        credential=_credential(reading, app_type),
        cloud=cloud,
        trusted_service_urls=reading.optional(table.TRUSTED_SERVICE_URLS) or (),
        trusted_file_origins=reading.optional(table.TRUSTED_FILE_ORIGINS) or (),
        offers_files=reading.value(table.FILE_CONSENT) and cloud.offers_files,
        reads_shared_files=reading.value(table.GRAPH_FILES),
        graph_is_named=reading.has(table.GRAPH_URL),
        allowed_tenants=allowed,
        allowed_users=reading.optional(table.ALLOWED_USERS),
        allow_guests=reading.value(table.ALLOW_GUESTS),
    )


def _credential(reading: Reading, app_type: AppType) -> BotCredential:
    """The one credential that the settings name: nothing else is tried."""
    if app_type is AppType.USER_ASSIGNED_MSI:
        return ManagedIdentity()
    if (secret := reading.optional(table.MICROSOFT_APP_PASSWORD)) is not None:
        return ClientSecret(secret=secret)
    if (path := reading.optional(table.MICROSOFT_APP_CERTIFICATE)) is not None:
        return ClientCertificate(path=path)
    return FederatedIdentity(client_id=reading.value(table.MICROSOFT_APP_FEDERATED_IDENTITY))


def _endpoint(reading: Reading) -> ModelEndpoint | None:
    if reading.has(table.AZURE_AI_PROJECT_ENDPOINT):
        return FoundryEndpoint(
            url=reading.value(table.AZURE_AI_PROJECT_ENDPOINT), agent=reading.optional(table.AZURE_AI_AGENT_NAME)
        )
    if reading.has(table.AZURE_OPENAI_ENDPOINT):
        return AzureEndpoint(
            url=reading.value(table.AZURE_OPENAI_ENDPOINT),
            api_key=reading.optional(table.AZURE_OPENAI_API_KEY),
            api_version=reading.optional(table.AZURE_OPENAI_API_VERSION),
        )
    if reading.has(table.OPENAI_BASE_URL) or reading.has(table.OPENAI_API_KEY):
        return OpenAIEndpoint(
            base_url=reading.optional(table.OPENAI_BASE_URL) or _OPENAI_URL,
            api_key=reading.optional(table.OPENAI_API_KEY),
        )
    return None


def _blobs(reading: Reading) -> Blobs | None:
    container = reading.value(table.AZURE_STORAGE_CONTAINER)
    if (key := reading.optional(table.AZURE_STORAGE_CONNECTION_STRING)) is not None:
        return BlobsByKey(container=container, connection_string=key)
    if (url := reading.optional(table.AZURE_STORAGE_ACCOUNT_URL)) is not None:
        return BlobsByIdentity(container=container, account_url=url)
    return None


def _teams_app(reading: Reading) -> TeamsApp:
    website = reading.optional(table.TEAMS_WEBSITE_URL)
    return TeamsApp(
        name=reading.optional(table.TEAMS_APP_NAME) or reading.value(table.ASSISTANT_NAME),
        version=reading.value(table.TEAMS_APP_VERSION),
        developer_name=reading.optional(table.TEAMS_DEVELOPER_NAME),
        website_url=website,
        privacy_url=reading.optional(table.TEAMS_PRIVACY_URL) or website,
        terms_url=reading.optional(table.TEAMS_TERMS_URL) or website,
    )
