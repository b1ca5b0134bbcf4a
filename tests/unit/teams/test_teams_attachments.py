"""Files that come with an activity, and the addresses that may and may not be asked for them."""

from __future__ import annotations

from typing import Any

import pytest
from botbuilder.schema import Activity

from adapters.teams.activities import read_message
from adapters.teams.trusted_addresses import FilePlaces, LoopbackServices, TrustedServices

SERVER = "http://localhost:3978/_connector"


def attached(*given: dict[str, Any]) -> list[tuple[str, str]]:
    fields = {
        "type": "message",
        "id": "m",
        "channelId": "emulator",
        "serviceUrl": SERVER,
        "conversation": {"id": "c"},
        "from": {"id": "u"},
        "recipient": {"id": "b"},
        "attachments": list(given),
    }
    read = read_message(Activity().deserialize(fields))
    assert read is not None
    return [(attachment.name, attachment.url) for attachment in read.attachments]


def test_files_are_told_from_cards_quotes_and_the_text_once_more() -> None:
    url = "http://localhost:3978/v3/attachments/1"
    assert attached(
        {"contentType": "text/csv", "contentUrl": url, "name": "../a.csv"},
        {"contentType": "text/html", "content": "<p>hi</p>"},
        {"contentType": "application/vnd.microsoft.card.adaptive", "content": {}, "contentUrl": url},
        {"contentType": "messageReference", "content": "{}"},
        {"contentType": "image/png", "contentUrl": url},
        {"contentType": "text/csv", "name": "nowhere.csv"},
        {},
    ) == [("a.csv", url), ("picture.png", url)]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"contentType": "image/*"}, "picture.png"),
        ({"contentType": "image/png", "name": "image"}, "image.png"),
        ({"contentType": "image/jpg"}, "picture.jpg"),
        ({"contentType": "image/gif", "name": "haha.tenor"}, "haha.tenor.gif"),
        ({"contentType": "image/*", "name": "a.jpeg"}, "a.jpeg"),
    ],
)
def test_a_pasted_picture_is_known_by_its_content_type(given: dict[str, str], name: str) -> None:
    """F8."""
    assert attached({**given, "contentUrl": f"{SERVER}/f/i1"}) == [(name, f"{SERVER}/f/i1")]


def test_a_file_of_teams_has_its_address_inside() -> None:
    info = {"contentType": "application/vnd.microsoft.teams.file.download.info", "name": "a.csv"}
    assert attached(
        {**info, "contentUrl": "https://a.sharepoint.com/x", "content": {"downloadUrl": "https://a.example/y"}}
    ) == [("a.csv", "https://a.example/y")]


def is_of_same_server(url: str, service_url: str) -> bool:
    """Whether a bot without an app id would ask."""
    place = FilePlaces(services=LoopbackServices()).of_attachment(url, service_url)
    assert place is None or not (place.takes_token or place.follows_redirects)
    return place is not None


@pytest.mark.parametrize("path", ["/", "/a", "/v3/attachments/1/views/original?x=1", "/%2e%2e/a"])
def test_the_servers_own_addresses_are_open(path: str) -> None:
    assert is_of_same_server(f"http://localhost:3978{path}", SERVER)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3979/a",
        "http://localhost/a",
        "http://127.0.0.1:3978/a",
        "https://localhost:3978/a",
        "http://localhost:3978",
        "http://localhost:3978@evil.example/a",
        "http://evil.example:3978/a",
        "http://localhost:3978.evil.example/a",
        "http://evil.example\\@localhost:3978/a",
        "http://localhost:3978\\.evil.example/a",
        "http://localhost:3978#@evil.example/a",
        "http://localhost:3978/a b",
        "http://localhost:3978/a\r\nHost: evil",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//localhost:3978/a",
        "",
    ],
)
def test_no_other_address_is(url: str) -> None:
    assert not is_of_same_server(url, SERVER)


def test_a_foreign_service_opens_nothing_even_of_its_own() -> None:
    assert not is_of_same_server("https://smba.example/a", "https://smba.example/")
    assert not is_of_same_server("http://10.0.0.1/a", "http://10.0.0.1/")


SERVICE = "https://smba.trafficmanager.net/emea/99999999-8888-7777-6666-555555555555/"
SHAREPOINT = "https://contoso-my.sharepoint.com/personal/ada/_layouts/15/download.aspx?UniqueId=1&tempauth=v1.eyJ"
PLACES = FilePlaces(
    services=TrustedServices(hosts=["smba.trafficmanager.net"], origins=["http://127.0.0.1:7000"]),
    domains=["sharepoint.com", "1drv.com"],
    origins=["http://localhost:9000", "https://files.example.com"],
)


@pytest.mark.parametrize(
    ("url", "takes_token", "named"),
    [
        (SHAREPOINT, False, False),
        ("https://contoso.sharepoint.com:443/a", False, False),
        ("https://Contoso-my.SharePoint.com/a", False, False),
        ("https://public.by.files.1drv.com/y4m", False, False),
        ("http://localhost:9000/a.csv?x=1", False, True),
        ("https://files.example.com/a.csv", False, True),
        (f"{SERVICE}v3/attachments/0-weu-d1-1/views/original", True, False),
        ("https://smba.trafficmanager.net/amer/other/v3/attachments/1/views/original", True, False),
    ],
)
def test_files_are_asked_for_where_teams_keeps_them_and_the_token_goes_to_the_connector_alone(
    url: str, takes_token: bool, named: bool
) -> None:
    place = PLACES.of_attachment(url, SERVICE)
    assert place is not None
    assert (str(place.url), place.takes_token, place.named) == (url.replace(":443/", "/"), takes_token, named)


HOSTILE = [
    # other hosts, and look-alikes
    "https://evil.example/a.csv",
    "https://sharepoint.com/a",
    "https://sharepoint.com.evil.example/a",
    "https://evilsharepoint.com/a",
    "https://contoso.sharepoint.com.evil.example/a",
    "https://contoso-sharepoint.com/a",
    "https://contoso.sharepoint.com./a",
    "https://contoso.sharepoint.com:8443/a",
    "http://contoso.sharepoint.com/a",
    "https://smba.trafficmanager.net.evil.example/a",
    "https://evil.trafficmanager.net/v3/attachments/1",
    "https://smba.trafficmanager.net:444/v3/attachments/1",
    "http://smba.trafficmanager.net/v3/attachments/1",
    "https://media.giphy.com/media/1/giphy.gif",
    # a host hidden from one reader or another
    "https://contoso.sharepoint.com@evil.example/a",
    "https://contoso.sharepoint.com:443@evil.example/a",
    "https://evil.example\\@contoso.sharepoint.com/a",
    "https://contoso.sharepoint.com\\.evil.example/a",
    "https://evil.example#.sharepoint.com/a",
    "https://evil.example/.sharepoint.com",
    "https://evil.example?.sharepoint.com/a",
    "https://evil.example%2f.sharepoint.com/a",
    "https://evil.example%00.sharepoint.com/a",
    "https://con\u3002toso.sharepoint.com/a",
    "https://contoso.sharepo\u0456nt.com/a",
    "https://[contoso.sharepoint.com]/a",
    "https:contoso.sharepoint.com/a",
    "//contoso.sharepoint.com/a",
    "https:///contoso.sharepoint.com/a",
    "https:/contoso.sharepoint.com/a",
    "https://contoso.sharepoint.com/a b",
    "https://contoso.sharepoint.com/a\r\nHost: evil.example",
    "https://contoso.sharepoint.com/a\tb",
    "https://contoso.sharepoint.com/\u202ea",
    "https://contoso.sharepoint.com:99999/a",
    "https://contoso.sharepoint.com/" + "a" * 8_000,
    " https://contoso.sharepoint.com/a",
    # this machine, its network and the metadata of clouds
    "http://127.0.0.1/a",
    "http://127.0.0.1:7001/a",
    "http://127.0.0.1:7000/a",
    "http://localhost:9001/a",
    "https://localhost:9000/a",
    "http://localhost:9000@evil.example/a",
    "http://localhost:90000/a",
    "http://[::1]/a",
    "http://[::ffff:169.254.169.254]/a",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://127.1/a",
    "http://0/a",
    "http://10.0.0.1/a",
    "http://metadata.google.internal/a",
    "http://168.63.129.16/metadata/instance",
    # other schemes, and none
    "file:///etc/passwd",
    "ftp://contoso.sharepoint.com/a",
    "gopher://127.0.0.1:6379/_INFO",
    "javascript:alert(1)",
    "cid:image001.png",
    "ws://contoso.sharepoint.com/a",
    "HTTP://evil.example/a",
    "https://",
    "/etc/passwd",
    "\0",
    "",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_no_hostile_address_is_asked(url: str) -> None:
    assert PLACES.of_attachment(url, SERVICE) is None
    assert PLACES.of_file(url) is None


def test_a_place_that_takes_the_token_for_one_service_is_closed_to_messages_of_another() -> None:
    assert PLACES.of_attachment("http://127.0.0.1:7000/a", "http://127.0.0.1:7000/connector") is not None
    assert PLACES.of_attachment("http://127.0.0.1:7000/a", SERVICE) is None
    assert PLACES.of_attachment(f"{SERVICE}a", "https://evil.example/") is None
    assert PLACES.of_attachment(SHAREPOINT, "https://evil.example/") is None
