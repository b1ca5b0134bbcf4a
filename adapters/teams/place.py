"""Where an activity goes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import yarl

from adapters.teams.trusted_services import TrustedServices
from bot.errors import DeliveryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A conversation and the connector that serves it; the emulator and Web Chat have no tenants."""

    service_url: str
    conversation: str
    tenant: str = ""
    is_targeted: bool = False  # seen by one person of a shared conversation alone
    is_paced: bool = True  # whether Teams' rate limits hold there

    def url(self, services: TrustedServices, activity_id: str | None = None) -> yarl.URL:
        """The address of its activities or of one of them; DeliveryError if it is none that we may speak to.

        The service address is judged again, for a stored one may be older than today's rules.
        """
        if not services.allows(self.service_url):
            raise DeliveryError("the conversation's service address is not trusted", retryable=False)
        if activity_id == "":
            raise DeliveryError("the activity to change has no id", retryable=False)
        path = f"{self.service_url.rstrip('/')}/v3/conversations/{quote(self.conversation, safe='')}/activities"
        path = path if activity_id is None else f"{path}/{quote(activity_id, safe='')}"
        return yarl.URL(f"{path}?isTargetedActivity=true" if self.is_targeted else path, encoded=True)
