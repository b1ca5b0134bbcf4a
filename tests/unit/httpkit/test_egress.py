"""Which addresses are connected to on behalf of others."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from httpkit.egress import AddressRefusedError, egress_session, is_private, is_public
from tests.support.file_host import FileHost

PUBLIC = ["13.107.136.10", "1.1.1.1", "2620:1ec:8f8::10", "2603:1061::1", "::ffff:13.107.136.10", "64:ff9b::d6b:880a"]
PRIVATE = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "fd00::1"]
NEVER = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%eth0",
    "0.0.0.0",  # noqa: S104 - to be refused
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
]
OTHERS = [
    "100.64.0.1",
    "168.63.129.16",
    "192.0.2.1",
    "198.18.0.1",
    "fec0::1",
    "2001:db8::1",
    "::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)
    assert not is_private(address)


@pytest.mark.parametrize(
    "address", [*PRIVATE, *NEVER, *OTHERS, "2001:0:a9fe:a9fe::", "", "localhost", "1.2.3", "0x7f.1"]
)
def test_no_other_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_this_machine_and_its_network_are_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_services_and_groups_are_not_even_private(address: str) -> None:
    assert not is_private(address)


class Names(AbstractResolver):
    """Every name leads to the next of these lists of addresses, and at last to the last of them."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER, *OTHERS])
async def test_a_name_that_leads_to_an_address_that_is_not_public_is_not_connected_to(address: str) -> None:
    names = Names([address])
    async with egress_session(private=False, deadline_s=5, resolver=names) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get("http://contoso.sharepoint.com/a")
    assert isinstance(caught.value.os_error, AddressRefusedError)
    assert names.asked == ["contoso.sharepoint.com"]


async def test_a_name_that_leads_elsewhere_at_the_next_look_is_judged_again() -> None:
    """DNS rebinding: the first answer was good, and the name is this machine's by the time of the next connection."""
    async with FileHost(files={"/a": b"a"}) as server:
        names = Names(["127.0.0.1"], ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254"])
        url = server.origin.replace("127.0.0.1", "files.example") + "/a"
        async with egress_session(private=True, deadline_s=5, resolver=names) as session, session.get(url) as response:
            assert await response.read() == b"a"
        async with egress_session(private=False, deadline_s=5, resolver=names) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(url)
        assert isinstance(caught.value.os_error, AddressRefusedError)
        assert len(server.asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_is_judged_when_a_connection_is_made_whatever_names_it(host: str) -> None:
    async with FileHost(files={"/a": b"a"}) as server:
        url = server.origin.replace("127.0.0.1", host) + "/a"
        async with egress_session(private=False, deadline_s=5) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(url)
        assert isinstance(caught.value.os_error, AddressRefusedError)
        assert server.asked == []
        async with egress_session(private=True, deadline_s=5) as session, session.get(url) as response:
            assert await response.read() == b"a"


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "LOCALHOST.", "127。0。0。1"])
async def test_no_other_way_of_writing_this_machine_reaches_it(host: str) -> None:
    async with FileHost(files={"/a": b"a"}) as server:
        url = server.origin.replace("127.0.0.1", host) + "/a"
        async with egress_session(private=False, deadline_s=5) as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(url)
        assert server.asked == []


async def test_link_local_addresses_are_refused_even_where_private_ones_are_not() -> None:
    async with egress_session(private=True, deadline_s=5) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get("http://169.254.169.254/")
    assert isinstance(caught.value.os_error, AddressRefusedError)
