"""The bot at Microsoft: who may bring activities, where answers and files go, and with which token."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import aiohttp
from azure.core.credentials import AccessToken
from typing_extensions import override

from adapters.teams.authentication import (
    AccessList,
    Authentication,
    LoopbackAuthentication,
    OnVerdict,
    TokenAuthentication,
)
from adapters.teams.bot_token import BotToken, TokenCredential, TokenUnavailableError
from adapters.teams.channel import TeamsChannel, group_of_team
from adapters.teams.connector import Connector, connector_session
from adapters.teams.file_uploads import TeamsUploads
from adapters.teams.graph_files import GraphFiles, GroupOf
from adapters.teams.incoming_files import RETRY_PAUSES_S, EgressSessions, TeamsFiles
from adapters.teams.signing_keys import SigningKeys
from adapters.teams.token_verifier import Issuer, TokenVerifier
from adapters.teams.trusted_addresses import FilePlaces, LoopbackServices, TrustedServices
from bot.conversation import ConversationReference, Scope
from bot.ports import FileLinks
from service.last_request import LastRequest
from service.settings import ClientCertificate, ClientSecret, FederatedIdentity, Settings, TeamsSettings

log = logging.getLogger(__name__)

_EXCHANGE_SCOPE: Final = "api://AzureADTokenExchange/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsEdge:
    """How activities come in and answers and files go out. `session` is the one of the connector."""

    authentication: Authentication
    channel: TeamsChannel
    incoming: TeamsFiles
    uploads: TeamsUploads
    session: aiohttp.ClientSession


@asynccontextmanager
async def open_teams(settings: Settings, links: FileLinks) -> AsyncIterator[TeamsEdge]:
    """Everything between the bot and Teams; without an app id, between it and clients of this machine."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(connector_session())
        token = await stack.enter_async_context(open_bot_token(settings))
        requests = LastRequest(settings.data_dir)
        stack.callback(requests.close)
        authentication = await stack.enter_async_context(open_authentication(settings, on_verdict=requests.note))
        egress = await stack.enter_async_context(EgressSessions.opened())
        places = file_places(settings)
        connector = Connector(session=session, services=answering_services(settings), token=token)
        graph = await stack.enter_async_context(
            open_graph_files(settings, sessions=egress, group_of=partial(group_of_team, connector))
        )
        folder = settings.data_dir / "incoming"
        incoming = TeamsFiles(folder=folder, places=places, sessions=egress, token=token, graph=graph)
        incoming.open()
        channel = TeamsChannel(
            connector=connector,
            links=links,
            streaming=settings.streaming,
            tables=settings.tables,
            offers_files=partial(offers_files, settings),
        )
        yield TeamsEdge(
            authentication=authentication,
            channel=channel,
            incoming=incoming,
            uploads=TeamsUploads(places=places, sessions=egress),
            session=session,
        )


@asynccontextmanager
async def open_authentication(settings: Settings, *, on_verdict: OnVerdict) -> AsyncIterator[Authentication]:
    """Teams' signed tokens if the settings hold an app id, else loopback only."""
    teams = settings.teams
    if teams is None:
        yield LoopbackAuthentication()
        return
    if teams.trusted_service_urls:
        log.warning("the bot's token may go to further origins", extra={"origins": teams.trusted_service_urls})
    if teams.trusted_file_origins:
        log.warning("files may be fetched from further origins", extra={"origins": teams.trusted_file_origins})
    if teams.allowed_tenants is None:
        log.warning("people of every tenant are answered: ALLOWED_TENANTS is *")
    async with connector_session() as session:
        cloud = teams.cloud
        keys = SigningKeys(issuer=cloud.issuer, metadata_url=cloud.metadata_url, session=session)
        keys.prefetch()
        try:
            yield TokenAuthentication(
                verifier=TokenVerifier(app_id=teams.app_id, issuers=[Issuer(name=cloud.issuer, keys=keys)]),
                services=TrustedServices(hosts=cloud.connector_hosts, origins=teams.trusted_service_urls),
                access=access_list(teams),
                on_verdict=on_verdict,
            )
        finally:
            await keys.close()


def access_list(teams: TeamsSettings) -> AccessList:
    """Who is served."""
    return AccessList(tenants=teams.allowed_tenants, users=teams.allowed_users, allow_guests=teams.allow_guests)


def answering_services(settings: Settings) -> TrustedServices:
    """Where answers may go. The chat page's connector is on this machine, and never sees a token."""
    teams = settings.teams
    if teams is None:
        return LoopbackServices()
    return TrustedServices(
        hosts=teams.cloud.connector_hosts,
        origins=teams.trusted_service_urls,
        loopback=settings.chat_page_port is not None,
    )


def offers_files(settings: Settings, to: ConversationReference) -> bool:
    """Whether files are offered in this conversation, for the person's OneDrive: Teams does that one to one alone."""
    offers = settings.teams is not None and settings.teams.offers_files
    return offers and to.scope is Scope.PERSONAL and to.key.channel == "msteams"


def file_places(settings: Settings) -> FilePlaces:
    """Where files that come with messages may be fetched from."""
    services, teams = answering_services(settings), settings.teams
    if teams is None:
        return FilePlaces(services=services)
    return FilePlaces(services=services, domains=teams.cloud.file_domains, origins=teams.trusted_file_origins)


@asynccontextmanager
async def open_bot_token(settings: Settings, *, scope: str | None = None) -> AsyncIterator[BotToken | None]:
    """The bot's token for the connector, or for another scope; None without an app id."""
    if settings.teams is None:
        yield None
        return
    teams = settings.teams
    credential = partial(_credential, teams, teams.login_tenant)
    token = BotToken(open_credential=credential, scope=scope or teams.cloud.scope)
    try:
        yield token
    finally:
        await token.close()


@asynccontextmanager
async def open_graph_files(
    settings: Settings, *, sessions: EgressSessions, group_of: GroupOf
) -> AsyncIterator[GraphFiles | None]:
    """The way to files of channels and group chats; None where GRAPH_FILES does not switch it on."""
    teams = settings.teams
    if teams is None or not teams.reads_shared_files:
        yield None
        return
    tokens: dict[str, BotToken] = {}

    def token_of(tenant: str) -> BotToken:
        if (known := tokens.get(tenant)) is None:
            credential = partial(_credential, teams, graph_tenant(teams, tenant))
            known = tokens[tenant] = BotToken(open_credential=credential, scope=teams.cloud.graph_scope)
        return known

    try:
        yield GraphFiles(
            url=teams.cloud.graph_url,
            is_named=teams.graph_is_named,
            session=sessions.named if teams.graph_is_named else sessions.public,
            token_of=token_of,
            group_of=group_of,
            retry_pauses_s=RETRY_PAUSES_S,
        )
    finally:
        for token in tokens.values():
            await token.close()


def graph_tenant(teams: TeamsSettings, tenant: str) -> str:
    """In which tenant a token is asked for to see the files of a tenant: in that one, which consented.

    A rig's ToChannelFromBotLoginUrl may name another authority, such as `adfs`.
    """
    is_authority = teams.login_tenant not in (teams.cloud.shared_tenant, teams.own_tenant)
    return teams.login_tenant if is_authority or not tenant else tenant


def _credential(teams: TeamsSettings, tenant: str) -> TokenCredential:
    """Exactly the credential that the settings name; azure-identity's chains would try a developer's login too."""
    from azure.identity.aio import CertificateCredential, ClientSecretCredential

    match teams.credential:
        case ClientSecret(secret=secret):
            return ClientSecretCredential(
                tenant,
                teams.app_id,
                secret.reveal(),
                authority=teams.login_url,
                disable_instance_discovery=True,
                retry_total=1,
            )
        case ClientCertificate(path=path):
            try:
                return CertificateCredential(
                    tenant,
                    teams.app_id,
                    certificate_path=str(path),
                    authority=teams.login_url,
                    disable_instance_discovery=True,
                    retry_total=1,
                )
            except (OSError, TypeError, ValueError):  # it was looked at when the settings were read, and changed since
                raise TokenUnavailableError(f"{path.name} cannot be used now", reason="ValueError") from None
        case FederatedIdentity(client_id=client_id):
            return _FederatedCredential(teams, tenant, client_id)
        case _:
            return _managed_identity(teams.app_id)


def _managed_identity(client_id: str) -> TokenCredential:
    """The machine's own identity. Its endpoint is on this machine or its link, so no proxy is asked."""
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.identity.aio import ManagedIdentityCredential

    return ManagedIdentityCredential(
        client_id=client_id, retry_total=1, transport=AioHttpTransport(use_env_settings=False)
    )


class _FederatedCredential(TokenCredential):
    """A managed identity's token in place of a secret.

    azure-identity asks for the assertion by a plain function, which would block the loop; so it is fetched before, for
    each token anew.
    """

    def __init__(self, teams: TeamsSettings, tenant: str, client_id: str) -> None:
        from azure.identity.aio import ClientAssertionCredential

        self._identity = _managed_identity(client_id)
        self._assertion = ""
        self._app = ClientAssertionCredential(
            tenant,
            teams.app_id,
            lambda: self._assertion,
            authority=teams.login_url,
            disable_instance_discovery=True,
            retry_total=1,
        )

    @override
    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        self._assertion = (await self._identity.get_token(_EXCHANGE_SCOPE)).token
        return await self._app.get_token(*scopes, **kwargs)

    @override
    async def close(self) -> None:
        await self._identity.close()
        await self._app.close()
