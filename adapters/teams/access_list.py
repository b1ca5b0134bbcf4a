"""Whose activities are taken: the tenants and people that the operator named."""

from __future__ import annotations

from dataclasses import dataclass

from httpkit.json_body import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """`tenants` None means everybody, by the operator's own `*`; `users` None means everybody of those tenants."""

    tenants: frozenset[str] | None
    users: frozenset[str] | None = None
    allow_guests: bool = False

    def refusal(self, activity: Json, tenant: str | None) -> str | None:
        """Why the sender is not served, as a code; None if they are. `tenant` is that of the conversation.

        What is not said never counts as allowed. That somebody is a guest is known only where Teams says it: by
        another tenant of their own, by their role, or by the form of their user name.
        """
        sender = activity.get("from")
        person = sender if isinstance(sender, dict) else {}
        if self.tenants is not None and (tenant or "").lower() not in self.tenants:
            return "TenantNotAllowed"
        if self.users is not None and str(person.get("aadObjectId") or "").lower() not in self.users:
            return "UserNotAllowed"
        if not self.allow_guests and _is_guest(person, tenant):
            return "GuestNotAllowed"
        return None


def _is_guest(person: Json, tenant: str | None) -> bool:
    home = person.get("tenantId")
    return (
        (isinstance(home, str) and bool(tenant) and home.lower() != (tenant or "").lower())
        or str(person.get("userRole") or "").lower() in ("guest", "anonymous")
        or "#ext#" in str(person.get("userPrincipalName") or "").lower()
    )
