"""The bot's identity at Microsoft as its parts need it: who may bring activities, and where answers may go."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.teams.authentication import Authentication, LoopbackAuthentication, TokenAuthentication
from adapters.teams.connector import connector_session
from adapters.teams.signing_keys import SigningKeys
from adapters.teams.token_verifier import Issuer, TokenVerifier
from adapters.teams.trusted_services import LoopbackServices, TrustedServices
from service.settings import Settings

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_authentication(settings: Settings) -> AsyncIterator[Authentication]:
    """Teams' signed tokens if the settings hold an app id, else loopback only."""
    teams = settings.teams
    if teams is None:
        yield LoopbackAuthentication()
        return
    if teams.trusted_service_urls:
        log.warning("the bot's token may go to further origins", extra={"origins": teams.trusted_service_urls})
    async with connector_session() as session:
        cloud = teams.cloud
        keys = SigningKeys(issuer=cloud.issuer, metadata_url=cloud.metadata_url, session=session)
        keys.prefetch()
        verifier = TokenVerifier(app_id=teams.app_id, issuers=[Issuer(name=cloud.issuer, keys=keys)])
        try:
            yield TokenAuthentication(verifier=verifier, services=trusted_services(settings))
        finally:
            await keys.close()


def trusted_services(settings: Settings) -> TrustedServices:
    """The service addresses that may be posted to."""
    if settings.teams is None:
        return LoopbackServices()
    return TrustedServices(hosts=settings.teams.cloud.connector_hosts, origins=settings.teams.trusted_service_urls)
