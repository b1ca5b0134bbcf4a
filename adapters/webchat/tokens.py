"""Tokens as Direct Line has them: the holder of one may read and write one conversation, and no other."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from adapters.webchat.transcripts import ConversationId

_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{16}", re.ASCII)


class Tokens:
    """Made from a key rather than remembered, so that a page that is open goes on after a restart."""

    def __init__(self, *, key: str) -> None:
        self._key = key.encode()

    def issue(self, conversation: ConversationId) -> str:
        """The token of a conversation, always the same."""
        seal = hmac.new(self._key, conversation.encode(), hashlib.sha256).hexdigest()
        return f"{conversation}.{seal}"

    def conversation(self, token: str) -> ConversationId | None:
        """The conversation that a token opens; None if this program did not make it."""
        named = conversation_id(token.partition(".")[0])
        if named is None or not hmac.compare_digest(self.issue(named).encode(), token.encode("utf-8", "replace")):
            return None
        return named

    @property
    def page_key(self) -> str:
        """What opens the page for a person whom the kernel cannot tell, as in Jupyter's addresses."""
        return self._derived("page")

    @property
    def connector_key(self) -> str:
        """What opens the bot's side of the page; a part of the `serviceUrl` that only the bot is given."""
        return self._derived("connector")

    def _derived(self, purpose: str) -> str:
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).hexdigest()


def new_conversation() -> ConversationId:
    """An id that nobody can guess."""
    return ConversationId(secrets.token_urlsafe(12))


def conversation_id(text: object) -> ConversationId | None:
    """The id, if the text has the form of one."""
    return ConversationId(text) if isinstance(text, str) and _CONVERSATION.fullmatch(text) else None
