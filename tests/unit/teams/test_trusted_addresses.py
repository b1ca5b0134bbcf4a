"""Service addresses: the many ways of writing one host, and those of pretending to be it."""

from __future__ import annotations

import pytest

from adapters.teams.trusted_addresses import TrustedServices, is_same_address

SERVICES = TrustedServices(hosts={"smba.trafficmanager.net"}, origins={"https://Smba.example:443"})


@pytest.mark.parametrize(
    "url",
    [
        "https://SMBA.TrafficManager.net/emea/",
        "HTTPS://smba.trafficmanager.net:443/emea",
        "https://smba.example/x",
        "https://smba.EXAMPLE:443/",
    ],
)
def test_a_known_host_is_known_however_it_is_written(url: str) -> None:
    assert SERVICES.takes_token(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://smba.trafficmanager.net./",
        "https://smba.trafficmanager.net.:443/",
        "https://smba.trafficmanager.net:0443/",
        "https://smba.trafficmanager.net:80/",
        "http://smba.trafficmanager.net:443/",
        "https://smba.trafficmanager.net:443@evil.example/",
        "https://evil.example\\@smba.trafficmanager.net/",
        "https://smba\u3002trafficmanager.net/",
        "https://ſmba.trafficmanager.net/",  # its capital is S
        "https://smba.traffic\u212aanager.net/",
        "https://xn--smba-epa.trafficmanager.net/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/",
        "https://smba.trafficmanager.net/%2e%2e/",
        "https://smba.trafficmanager.net\n",
    ],
)
def test_no_other_host_passes_for_a_known_one(url: str) -> None:
    assert not SERVICES.allows(url)


def test_a_token_stands_for_its_service_however_the_host_is_written_and_for_no_other_path() -> None:
    claimed = "https://smba.trafficmanager.net/emea/"
    assert is_same_address("HTTPS://SMBA.TrafficManager.net:443/emea/", claimed)
    for other in ("https://smba.trafficmanager.net/EMEA/", "https://smba.trafficmanager.net/emea", "http://127.0.0.1/"):
        assert not is_same_address(other, claimed)
