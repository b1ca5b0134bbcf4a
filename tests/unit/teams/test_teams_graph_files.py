"""What Microsoft Graph may answer for a file of a channel or group chat, and what people read then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from adapters.teams.bot_token import BotToken
from adapters.teams.graph_files import GraphFiles
from adapters.teams.incoming_files import EgressSessions, TeamsFiles
from adapters.teams.trusted_addresses import FilePlaces, LoopbackServices
from bot.attachments import POINTER, POSSIBLE_POINTER, Attachment
from bot.conversation import ActivityId, ConversationKey, ConversationReference, Scope
from bot.errors import AttachmentError, DeliveryError
from tests.support.fakes import message
from tests.support.file_host import FileHost
from tests.support.graph_service import GRAPH_TOKEN, GraphFault, GraphService

CSV = b"a,b\n1,2\n"
MESSAGE = "chats/19:g@thread.v2/messages/f1"
WAIT = {"Retry-After": "0.2"}
HOUR = {"Retry-After": "3600"}


@dataclass
class Credential:
    """Gives an old token first, and then the one that Graph takes."""

    given: list[str] = field(default_factory=lambda: [GRAPH_TOKEN])

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        return AccessToken(self.given.pop() if len(self.given) > 1 else self.given[0], 2**40)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    graph: GraphService
    host: FileHost
    files: TeamsFiles
    credential: Credential
    tenants: list[str]
    reference: ConversationReference

    async def read(self, content_type: str = POINTER, team: str = "", **changes: Any) -> dict[str, bytes]:
        reference = replace(self.reference, **changes)
        listed = await self.files.listed(Attachment(name="file", url=team, content_type=content_type), reference)
        read = {}
        for file in listed:
            async with self.files.opened(file, reference) as path:
                read[file.name] = path.read_bytes()
        return read

    async def refusal(self, content_type: str = POINTER, team: str = "", **changes: Any) -> str:
        with pytest.raises(AttachmentError) as caught:
            await self.read(content_type, team, **changes)
        return caught.value.apology


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    credential, tenants = Credential(), []

    def token_of(tenant: str) -> BotToken:
        tenants.append(tenant)
        return token

    async def group_of(reference: ConversationReference, team: str) -> str:
        raise DeliveryError("no such team", retryable=False)

    token = BotToken(open_credential=lambda: credential, scope="s")
    async with FileHost() as host, GraphService(file_host=host.origin) as graph, EgressSessions.opened() as sessions:
        host.files["/download.aspx/data.csv"] = CSV
        graph.attach(MESSAGE, "data.csv")
        through = GraphFiles(
            url=graph.origin,
            is_named=True,
            session=sessions.named,
            token_of=token_of,
            group_of=group_of,
            retry_pauses_s=(0, 0, 0),
        )
        files = TeamsFiles(
            folder=tmp_path / "incoming",
            places=FilePlaces(services=LoopbackServices(), domains=["sharepoint.com"], origins=[host.origin]),
            sessions=sessions,
            graph=through,
            retry_pauses_s=(0, 0, 0),
        )
        files.open()
        key = ConversationKey(channel="msteams", tenant="t1", conversation="19:g@thread.v2")
        reference = replace(message().reference, key=key, scope=Scope.GROUP, reply_to=ActivityId("f1"))
        yield World(graph, host, files, credential, tenants, reference)


@pytest.mark.parametrize(
    "fault",
    [
        GraphFault(status=429, headers=WAIT),
        GraphFault(status=503, headers=WAIT),
        GraphFault(status=500),
        GraphFault(status=504),
        GraphFault(status=401),
        GraphFault(hang_up=True),
    ],
    ids=lambda fault: "no answer" if fault.hang_up else str(fault.status),
)
@pytest.mark.parametrize("what", ["message", "file"])
async def test_what_may_pass_is_asked_for_again(world: World, what: str, fault: GraphFault) -> None:
    (world.graph.message_faults if what == "message" else world.graph.file_faults).append(fault)
    assert await world.read() == {"data.csv": CSV}
    assert len(world.graph.asked) == 3
    assert set(world.tenants) == {"t1"}


@pytest.mark.parametrize(
    ("fault", "requests", "of_message", "of_file"),
    [
        (
            GraphFault(status=429, headers=HOUR),
            1,
            "is too busy to tell me which files",
            "is too busy to give me data.csv",
        ),
        (GraphFault(status=503, headers=HOUR), 1, "did not tell me which files", "did not give me data.csv"),
        (GraphFault(status=500), 4, "did not tell me which files", "did not give me data.csv"),
        (GraphFault(hang_up=True), 4, "did not tell me which files", "did not give me data.csv"),
        (GraphFault(status=403), 1, "permission ChatMessage.Read.Chat", "permission Files.Read.All"),
        (GraphFault(status=401), 2, "permission ChatMessage.Read.Chat", "permission Files.Read.All"),
        (GraphFault(status=400), 1, "did not tell me which files", "could not fetch data.csv"),
        (GraphFault(status=302, headers={"Location": "/"}), 1, "did not tell me which files", "may not fetch data.csv"),
    ],
    ids=lambda value: ("no answer" if value.hang_up else str(value.status)) if isinstance(value, GraphFault) else "",
)
@pytest.mark.parametrize("what", ["message", "file"])
async def test_the_rest_is_told_in_a_sentence_of_its_own(
    world: World, what: str, fault: GraphFault, requests: int, of_message: str, of_file: str
) -> None:
    (world.graph.message_faults if what == "message" else world.graph.file_faults).extend([fault] * 20)
    assert (of_message if what == "message" else of_file) in await world.refusal()
    if not fault.hang_up:  # the client library repeats those by itself
        assert len(world.graph.asked) == requests + (what == "file")


async def test_a_token_that_graph_refuses_is_renewed_once(world: World) -> None:
    world.credential.given = [GRAPH_TOKEN, "an old one"]
    assert await world.read() == {"data.csv": CSV}
    assert world.graph.tokens[0] == "Bearer an old one"


async def test_what_is_not_there_is_told_unless_nothing_said_that_there_is_a_file(world: World) -> None:
    gone = {"reply_to": ActivityId("f2")}
    assert "does not find your message" in await world.refusal(**gone)
    assert len(world.graph.asked) == 4  # Graph may hear of a message later than the bot
    assert await world.read(POSSIBLE_POINTER, **gone) == {}
    world.graph.files.clear()
    assert await world.refusal() == "data.csv is no longer there. Please send it again."


async def test_a_conversation_without_consent_is_told_of_once_where_no_file_is_known_of(world: World) -> None:
    world.graph.consented = False
    assert "by installing it here anew" in await world.refusal(POSSIBLE_POINTER)
    assert await world.read(POSSIBLE_POINTER) == {}
    other = replace(world.reference.key, conversation="19:h@thread.v2")
    assert "by installing it here anew" in await world.refusal(POSSIBLE_POINTER, key=other)


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/", "https://evil.example/data.csv", "file:///etc/passwd"]
)
async def test_a_redirect_to_a_foreign_place_is_not_followed(world: World, target: str) -> None:
    world.graph.files = dict.fromkeys(world.graph.files, target)
    assert await world.refusal() == "I may not fetch data.csv from where it lies. Please attach the file itself."
    assert world.host.asked == []


@pytest.mark.parametrize(
    ("conversation", "message_id", "team"),
    [
        ("19:g@thread.v2/../../users", "f1", ""),
        ("..", "f1", ""),
        ("19:g@thread.v2", "../f1", ""),
        ("19:g@thread.v2", "", ""),
        ("19:g@thread.v2", "f1?x=1", ""),
        ("19:c@thread.tacv2;messageid=1/2", "f1", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"),
        ("19:c@thread.tacv2;messageid=1", "f1", "19:unknown@thread.tacv2"),
    ],
)
async def test_an_id_that_is_none_of_teams_never_becomes_an_address(
    world: World, conversation: str, message_id: str, team: str
) -> None:
    key = replace(world.reference.key, conversation=conversation)
    scope = Scope.CHANNEL if team else Scope.GROUP
    said = await world.refusal(team=team, key=key, scope=scope, reply_to=ActivityId(message_id))
    assert "did not tell me which files" in said
    assert world.graph.asked == []


async def test_a_private_message_of_a_group_and_a_one_to_one_chat_are_not_looked_up(world: World) -> None:
    assert await world.read(POSSIBLE_POINTER, key=replace(world.reference.key, private_to="29:ada")) == {}
    assert "Please attach it again." in await world.refusal(scope=Scope.PERSONAL)
    assert world.graph.asked == []


async def test_a_message_of_another_shape_is_told(world: World) -> None:
    world.graph.messages[MESSAGE] = [{"contentType": "reference", "name": None, "contentUrl": None}]
    assert "file is no longer there" in await world.refusal() or "could not fetch file" in await world.refusal()
    world.graph.messages[MESSAGE] = "x" * 2_000_000  # type: ignore[assignment]
    assert "did not tell me which files" in await world.refusal()
