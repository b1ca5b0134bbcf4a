"""Whose activities are taken: the tenants and people that the operator named."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversation import OWN_CHANNELS, ConversationReference
from httpkit.json_body import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """`tenants` None means everybody, by the operator's own `*`; `users` None means everybody of those tenants."""

    tenants: frozenset[str] | None
    users: frozenset[str] | None = None
    allow_guests: bool = False

    def refusal(self, activity: Json, tenant: str | None) -> str | None:
        """Why the sender is not served, as a code; None if they are. `tenant` is that of the conversation."""
        sender = activity.get("from")
        person = sender if isinstance(sender, dict) else {}
        return self._refusal(tenant or "", str(person.get("aadObjectId") or ""), is_guest=is_guest(person, tenant))

    def refusal_of(self, reference: ConversationReference) -> str | None:
        """The same for a message that was stored; people at this machine's own channels are always served."""
        if reference.key.channel in OWN_CHANNELS:
            return None
        return self._refusal(reference.key.tenant, reference.user.directory_id, is_guest=reference.user.is_guest)

    def _refusal(self, tenant: str, directory_id: str, *, is_guest: bool) -> str | None:
        # What is not said never counts as allowed.
        if self.tenants is not None and tenant.lower() not in self.tenants:
            return "TenantNotAllowed"
        if self.users is not None and directory_id.lower() not in self.users:
            return "UserNotAllowed"
        if is_guest and not self.allow_guests:
            return "GuestNotAllowed"
        return None


def is_guest(person: Json, tenant: str | None) -> bool:
    """Whether Teams says that somebody is a guest: by another tenant, by their role, or by the form of their name."""
    home = person.get("tenantId")
    return (
        (isinstance(home, str) and bool(tenant) and home.lower() != (tenant or "").lower())
        or str(person.get("userRole") or "").lower() in ("guest", "anonymous")
        or "#ext#" in str(person.get("userPrincipalName") or "").lower()
    )
