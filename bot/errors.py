"""Everything that can go wrong, as one tree. Adapters translate their SDK's errors into these.

BotError                         str(error) is for the log; `apology`, said through `_`, is what the person reads
├── UnreadableMessageError       a message this program cannot make sense of
├── AttachmentError              a file that came with a message cannot be taken
├── UploadError                  a file cannot be brought to where a person wants it
├── StorageError                 the ledger or the file store cannot be written or read
│   ├── StorageDownError         later may work
│   └── StorageInUseError        another process holds it
├── FunctionsError               the operator's functions cannot be used: the start says what to change
├── AssistantError
│   ├── AssistantUnavailableError    down, slow, resetting, rate limited: later may work
│   ├── AssistantRefusedError        wrong key, no right, unknown model: an administrator must act
│   ├── ThreadGoneError              the thread is not there any more
│   │   └── ThreadTooLongError       the model cannot read all of it
│   ├── ThreadBusyError              someone else's run holds the thread
│   ├── RunEndedBadlyError           failed, cancelled or expired
│   └── RunTooSlowError              did not settle within its deadline
├── ChannelError
│   ├── DeliveryError                the connector did not take it: later may work
│   ├── DeliveryUnknownError         the connector did not say whether it took it
│   └── ConversationGoneError        nobody is there to read it
├── TurnStoppedError             the person said /stop
└── TurnGivenUpError             the turn brought the process down too often
"""

from __future__ import annotations

from enum import StrEnum

from bot.language import N_


class BotError(Exception):
    """Something went wrong in a way this program has a sentence for."""

    code: str = "internal"  # stored as part of an outcome, so it never changes
    apology: str = N_("Something went wrong on my side, so I could not answer this. Please ask again.")
    can_ask_again: bool = True


class UnreadableMessageError(BotError):
    """A message lacks what an answer would need."""

    code = "unreadable_message"


class AttachmentError(BotError):
    """A file that came with a message cannot be taken; `apology` says why. Asking again would come without it."""

    code = "attachment"
    can_ask_again = False

    def __init__(self, message: str, *, apology: str) -> None:
        super().__init__(message)
        self.apology = apology


class UploadError(BotError):
    """A file cannot be brought to where a person wants it."""

    code = "upload"


class StorageError(BotError):
    """The ledger or the file store cannot be written or read: full, read-only or broken."""

    code = "storage"
    apology = N_(
        "I could not store what belongs to this answer. Please tell the administrator of this bot, and ask again later."
    )

    def __init__(self, message: str = "", *, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix  # what an administrator has to do, where that is known


class StorageDownError(StorageError):
    """The store does not answer, or has trouble of its own: later may work."""


class StorageInUseError(StorageError):
    """Another process holds the data folder."""

    code = "storage_in_use"


class FunctionsError(BotError):
    """The operator's functions cannot be used as they are; the message says what to change, and where."""

    code = "functions"


class AssistantError(BotError):
    """The assistant's service did not do what was asked."""

    code = "assistant"
    request_id: str = ""  # by which the service knows the request or run that failed, for the operator
    apology = N_("The assistant could not answer this. Please ask again.")


class AssistantUnavailableError(AssistantError):
    """The service is down, slow or rate limited."""

    code = "assistant_unavailable"
    apology = N_(
        "The assistant cannot be reached at the moment. Your question was not answered; please ask again in a minute."
    )

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refusal(StrEnum):
    """What the operator has to look at where a service does not serve this bot. Part of stored outcomes."""

    KEY = "key"  # or the identity, or its role
    MODEL = "model"  # or the deployment, assistant or agent
    QUOTA = "quota"
    ADDRESS = "address"
    OTHER = "other"


class AssistantRefusedError(AssistantError):
    """The service will not serve us as we are set up. The cause and the `fix` are for the operator alone."""

    code = "assistant_refused"
    apology = N_("The assistant is not available at the moment. The operator of this bot has been told the reason.")

    def __init__(self, message: str, *, refusal: Refusal = Refusal.OTHER, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix
        if refusal is not Refusal.OTHER:
            self.code = f"{AssistantRefusedError.code}_{refusal}"


class ThreadGoneError(AssistantError):
    """The thread of this conversation is not there any more."""

    code = "thread_gone"
    apology = N_(
        "The memory of this conversation is gone at the assistant's side. Please ask again: I will start afresh."
    )


class ThreadTooLongError(ThreadGoneError):
    """The thread is longer than the model can read, and its service does not shorten it: a new one may help."""

    code = "thread_too_long"
    apology = N_("This is longer than the assistant can read. Please send less of it, or start afresh with /new.")


class ThreadBusyError(AssistantError):
    """A run that is not ours holds the thread."""

    code = "thread_busy"
    apology = N_("The assistant is still busy in this conversation. Please ask again in a minute.")


class RunEndedBadlyError(AssistantError):
    """The run came to an end that is no answer; `apology` says why, as far as a person is served by knowing."""

    code = "run_failed"

    def __init__(self, message: str, *, apology: str) -> None:
        super().__init__(message)
        self.apology = apology


class RunTooSlowError(AssistantError):
    """The run did not settle within its deadline, and was cancelled."""

    code = "run_too_slow"
    apology = N_("This took longer than I may wait, so I stopped it. A smaller question may work.")


class ChannelError(BotError):
    """The connector did not do what was asked."""

    code = "channel"


class DeliveryError(ChannelError):
    """A part could not be delivered now; `retry_after_s` is the pause that the connector names, if it names one."""

    code = "delivery"

    def __init__(self, message: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class DeliveryUnknownError(ChannelError):
    """A part was sent as often as a duplicate is worth, and whether it arrived is not known."""

    code = "delivery_unknown"


class ConversationGoneError(ChannelError):
    """The conversation is closed to the bot: it was removed, blocked, or the chat is no more."""

    code = "conversation_gone"


class TurnStoppedError(BotError):
    """The person asked to stop."""

    code = "stopped"
    apology = N_("Stopped. Your question was not answered.")


class TurnGivenUpError(BotError):
    """A turn brought the process down too often to be tried once more."""

    code = "given_up"
    apology = N_("Answering this brought me down several times, so I am giving it up. Please ask in another way.")
    can_ask_again = False
