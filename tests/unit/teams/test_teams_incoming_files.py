"""Files of messages on their way to this disk, from stand-ins that remember who asked with what."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from adapters.teams.activity_attachments import DOWNLOAD_INFO
from adapters.teams.bot_token import BotToken
from adapters.teams.incoming_files import EgressSessions, TeamsFiles
from adapters.teams.trusted_addresses import FilePlaces, LoopbackServices, TrustedServices
from bot.attachments import Attachment
from bot.conversation import ConversationReference
from bot.errors import AttachmentError, StorageError
from tests.support.fakes import message
from tests.support.file_host import FileHost

CSV = b"a,b\n1,2\n"


@dataclass
class Credential:
    """Gives tokens t1, t2, ... each once."""

    given: int = 0

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        self.given += 1
        return AccessToken(f"t{self.given}", 2**40)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """A bot without an app id whose connector keeps files, until `as_teams` gives it one."""

    host: FileHost
    folder: Path
    sessions: EgressSessions
    other: FileHost
    credential: Credential = field(default_factory=Credential)
    files: TeamsFiles = field(init=False)

    def __post_init__(self) -> None:
        self.files = self._files(FilePlaces(services=LoopbackServices()), None)

    def as_teams(self, *origins: str, domains: tuple[str, ...] = ()) -> None:
        """From now on the host is a connector that gets the token, and files may lie at further origins."""
        services = TrustedServices(origins=[self.host.origin])
        token = BotToken(open_credential=lambda: self.credential, scope="s")
        self.files = self._files(FilePlaces(services=services, domains=domains, origins=origins), token)

    def _files(self, places: FilePlaces, token: BotToken | None) -> TeamsFiles:
        files = TeamsFiles(
            folder=self.folder, places=places, sessions=self.sessions, token=token, retry_pauses_s=(0, 0, 0)
        )
        files.open()
        return files

    @property
    def reference(self) -> ConversationReference:
        return replace(message().reference, service_url=f"{self.host.origin}/connector")

    async def read(self, url: str, content_type: str = "image/*") -> bytes:
        attachment = Attachment(name="a.csv", url=url, content_type=content_type)
        async with self.files.opened(attachment, self.reference) as path:
            return path.read_bytes()

    async def refusal(self, url: str, content_type: str = "image/*") -> str:
        with pytest.raises(AttachmentError) as caught:
            await self.read(url, content_type)
        assert list(self.folder.iterdir()) == []
        return caught.value.apology


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with FileHost() as host, FileHost() as other, EgressSessions.opened() as sessions:
        host.files["/a.csv"] = other.files["/a.csv"] = CSV
        yield World(host=host, other=other, folder=tmp_path / "incoming", sessions=sessions)


async def test_a_file_is_on_disk_while_it_is_read_and_gone_afterwards(world: World) -> None:
    assert await world.read(f"{world.host.origin}/a.csv") == CSV
    assert list(world.folder.iterdir()) == []


async def test_a_file_beyond_the_limit_is_refused_and_gone(world: World) -> None:
    world.host.files["/a.csv"] = b"x" * 50_000_001
    assert await world.refusal(f"{world.host.origin}/a.csv") == (
        "a.csv is larger than 50 MB, the most that I can take."
    )


@pytest.mark.parametrize("said_size", [1_000_000_000, None], ids=["as it says", "as it turns out"])
async def test_a_file_of_a_gigabyte_is_not_read_to_its_end(world: World, said_size: int | None) -> None:
    world.host.said_sizes["/a.csv"] = said_size
    assert "larger than 50 MB" in await world.refusal(f"{world.host.origin}/a.csv")
    assert world.host.sent_bytes < 200_000_000


@pytest.mark.parametrize("path", ["/elsewhere", "/gone"])
async def test_what_is_not_there_or_points_elsewhere_is_not_followed(world: World, path: str) -> None:
    world.host.redirects["/elsewhere"] = "/a.csv"
    assert "Please send it again" in await world.refusal(f"{world.host.origin}{path}")
    assert [asked.path for asked in world.host.asked] == [path]


async def test_a_foreign_address_is_refused_before_a_byte_leaves(world: World) -> None:
    assert "may not fetch a.csv" in await world.refusal(world.host.origin.replace("127.0.0.1", "localhost") + "/a.csv")
    assert "may not fetch a.csv" in await world.refusal(f"{world.other.origin}/a.csv")
    assert world.host.asked == world.other.asked == []


async def test_a_server_that_is_down_is_told(world: World) -> None:
    lost = replace(world.reference, service_url="http://127.0.0.1:1/connector")
    with pytest.raises(AttachmentError):
        async with world.files.opened(Attachment(name="a.csv", url="http://127.0.0.1:1/a"), lost):
            pass


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("data:text/csv;base64," + base64.b64encode(b"a,b").decode(), b"a,b"),
        ("data:text/csv;charset=utf-8,a%2Cb", b"a,b"),
        ("data:,a", b"a"),
        ("data:text/csv;base64,***", None),
        ("data:nothing", None),
    ],
)
async def test_a_file_may_be_in_its_address(world: World, url: str, data: bytes | None) -> None:
    if data is None:
        await world.refusal(url)
    else:
        assert await world.read(url) == data


async def test_a_file_in_the_place_of_the_folder_is_told(world: World) -> None:
    world.folder.rmdir()
    world.folder.write_bytes(b"")
    with pytest.raises(StorageError, match="files cannot be received in"):
        world.files.open()


async def test_an_upload_is_fetched_without_a_token(world: World) -> None:
    world.as_teams(world.other.origin)
    assert await world.read(f"{world.other.origin}/a.csv", DOWNLOAD_INFO) == CSV
    assert await world.read(f"{world.host.origin}/a.csv", DOWNLOAD_INFO) == CSV
    assert [asked.authorization for asked in (*world.other.asked, *world.host.asked)] == [None, None]
    assert world.credential.given == 0


async def test_a_pasted_picture_is_fetched_with_the_bots_token_from_the_service_host_alone(world: World) -> None:
    world.as_teams(world.other.origin)
    world.host.wants_token = "t1"
    assert await world.read(f"{world.host.origin}/a.csv") == CSV
    assert await world.read(f"{world.other.origin}/a.csv") == CSV
    assert [asked.authorization for asked in world.host.asked] == ["Bearer t1"]
    assert [asked.authorization for asked in world.other.asked] == [None]


async def test_an_upload_that_the_service_itself_keeps_gets_the_token_once_it_asks_for_one(world: World) -> None:
    world.as_teams()
    world.host.wants_token = "t1"
    assert await world.read(f"{world.host.origin}/a.csv", DOWNLOAD_INFO) == CSV
    assert [asked.authorization for asked in world.host.asked] == [None, "Bearer t1"]


async def test_a_token_that_is_refused_is_renewed_and_a_picture_asked_for_a_few_times(world: World) -> None:
    world.as_teams()
    world.host.statuses.extend([401, 403, 403])
    assert await world.read(f"{world.host.origin}/a.csv") == CSV
    assert [asked.authorization for asked in world.host.asked] == ["Bearer t1", "Bearer t2", "Bearer t2", "Bearer t2"]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_picture_that_stays_closed_is_one_sentence(world: World, status: int) -> None:
    world.as_teams()
    world.host.statuses.extend([status] * 9)
    sentence = await world.refusal(f"{world.host.origin}/a.csv")
    assert sentence == "Teams would not let me open a.csv. Please send it again."
    assert len(world.host.asked) == 4


@pytest.mark.parametrize(
    ("status", "sentence", "requests"),
    [
        (401, "The link to a.csv has expired. Please send the file again.", 1),
        (403, "The link to a.csv has expired. Please send the file again.", 1),
        (404, "a.csv is no longer there. Please send it again.", 1),
        (204, "I could not fetch a.csv. Please send it again.", 1),
        (503, "I could not fetch a.csv. Please send it again.", 4),
        (429, "I could not fetch a.csv. Please send it again.", 4),
    ],
)
async def test_each_way_in_which_an_upload_is_not_there_has_its_sentence(
    world: World, status: int, sentence: str, requests: int
) -> None:
    world.as_teams(world.other.origin)
    world.other.statuses.extend([status] * 9)
    assert await world.refusal(f"{world.other.origin}/a.csv", DOWNLOAD_INFO) == sentence
    assert len(world.other.asked) == requests
    assert world.credential.given == 0


async def test_an_outage_that_passes_is_not_noticed(world: World) -> None:
    world.as_teams(world.other.origin)
    world.other.statuses.extend([503, 429])
    assert await world.read(f"{world.other.origin}/a.csv", DOWNLOAD_INFO) == CSV


async def test_a_redirect_is_followed_to_known_places_and_never_with_the_token(world: World) -> None:
    world.as_teams(world.other.origin)
    world.host.redirects["/moved"] = f"{world.other.origin}/twice"
    world.other.redirects["/twice"] = "a.csv"
    assert await world.read(f"{world.host.origin}/moved") == CSV
    assert [asked.authorization for asked in world.host.asked] == ["Bearer t1"]
    assert [(asked.path, asked.authorization) for asked in world.other.asked] == [("/twice", None), ("/a.csv", None)]


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]:{port}/a.csv",
        "http://localhost:{port}/a.csv",
        "https://evil.example/a.csv",
        "file:///etc/passwd",
        "//169.254.169.254/",
        "data:,secret",
        "",
        "/loop",
    ],
)
async def test_a_redirect_elsewhere_is_refused(world: World, target: str) -> None:
    world.as_teams(world.other.origin)
    world.other.redirects["/loop"] = target.format(port=world.host.origin.rpartition(":")[2])
    assert "may not fetch" in await world.refusal(f"{world.other.origin}/loop", DOWNLOAD_INFO)
    assert world.host.asked == []


async def test_a_redirect_back_to_the_service_does_not_see_the_token(world: World) -> None:
    world.as_teams(world.other.origin)
    world.host.redirects["/moved"] = f"{world.host.origin}/a.csv"
    await world.refusal(f"{world.host.origin}/moved")
    assert [asked.path for asked in world.host.asked] == ["/moved"]


async def test_a_known_name_that_leads_into_this_network_is_not_connected_to(world: World) -> None:
    """A name of the right domain proves nothing about its address (DNS rebinding); `localhost` stands in for it."""
    world.as_teams(domains=("localhost",))
    port = world.other.origin.rpartition(":")[2]
    async with EgressSessions.opened() as sessions:
        places = FilePlaces(services=TrustedServices(origins=[world.host.origin]), origins=[f"http://localhost:{port}"])
        public = replace(sessions, named=sessions.public)
        world.files = TeamsFiles(folder=world.folder, places=places, sessions=public, retry_pauses_s=(0,))
        assert "may not fetch" in await world.refusal(f"http://localhost:{port}/a.csv", DOWNLOAD_INFO)
    assert world.other.asked == []
