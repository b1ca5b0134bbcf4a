"""Microsoft's clouds: who signs what Teams sends, who issues the bot's tokens, and where activities may be posted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The addresses of one cloud. `connector_hosts` are whole names: anybody can register a name below some suffixes.

    `shared_tenant` is the tenant in which multi-tenant bots ask for their tokens. Below `file_domains` files lie; there
    Microsoft alone gives out names, one for each tenant or store. `graph_url` is Microsoft Graph; a token for
    `graph_scope` is for it, at whichever address it is reached.
    """

    issuer: str
    metadata_url: str
    login_url: str
    scope: str
    connector_hosts: frozenset[str]
    shared_tenant: str
    file_domains: frozenset[str]
    offers_files: bool  # whether bots may ask to put files into a person's OneDrive
    graph_url: str
    graph_scope: str


_PUBLIC: Final = Cloud(
    issuer="https://api.botframework.com",
    metadata_url="https://login.botframework.com/v1/.well-known/openidconfiguration",
    login_url="https://login.microsoftonline.com",
    scope="https://api.botframework.com/.default",
    connector_hosts=frozenset({"smba.trafficmanager.net"}),
    shared_tenant="botframework.com",
    file_domains=frozenset({"sharepoint.com", "svc.ms", "1drv.com"}),
    offers_files=True,
    graph_url="https://graph.microsoft.com",
    graph_scope="https://graph.microsoft.com/.default",
)
_GCC_HIGH: Final = Cloud(
    issuer="https://api.botframework.us",
    metadata_url="https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
    login_url="https://login.microsoftonline.us",
    scope="https://api.botframework.us/.default",
    connector_hosts=frozenset({"smba.infra.gov.teams.microsoft.us"}),
    shared_tenant="MicrosoftServices.onmicrosoft.us",
    file_domains=frozenset({"sharepoint.us"}),
    offers_files=False,
    graph_url="https://graph.microsoft.us",
    graph_scope="https://graph.microsoft.us/.default",
)
_CHINA: Final = Cloud(
    issuer="https://api.botframework.azure.cn",
    metadata_url="https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
    login_url="https://login.partner.microsoftonline.cn",
    scope="https://api.botframework.azure.cn/.default",
    connector_hosts=frozenset(),  # no constant of Microsoft's was found: the operator names it in TRUSTED_SERVICE_URLS
    shared_tenant="microsoftservices.partner.onmschina.cn",
    file_domains=frozenset({"sharepoint.cn"}),
    offers_files=False,
    graph_url="https://microsoftgraph.chinacloudapi.cn",
    graph_scope="https://microsoftgraph.chinacloudapi.cn/.default",
)

# Sources: cloud_environment.py of microsoft-teams-api 2.1.1, proactive_service_endpoints.py of
# microsoft-agents-hosting-core 1.9.0.
CLOUDS: Final[Mapping[str, Cloud]] = {
    "public": _PUBLIC,
    "gcc": replace(_PUBLIC, connector_hosts=frozenset({"smba.infra.gcc.teams.microsoft.com"})),
    "gcch": _GCC_HIGH,
    "dod": replace(
        _GCC_HIGH,
        connector_hosts=frozenset({"smba.infra.dod.teams.microsoft.us"}),
        file_domains=frozenset({"sharepoint-mil.us"}),
        graph_url="https://dod-graph.microsoft.us",
        graph_scope="https://dod-graph.microsoft.us/.default",
    ),
    "china": _CHINA,
}

# The values of Bot Framework's own setting `ChannelService`, which knows fewer clouds.
CHANNEL_SERVICES: Final[Mapping[str, frozenset[str]]] = {
    "https://botframework.azure.us": frozenset({"gcch", "dod"}),
    "https://botframework.azure.cn": frozenset({"china"}),
}
