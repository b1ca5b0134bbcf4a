"""Whose a loopback connection is: asked of the kernel, with real processes of other users."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from httpkit.loopback import PeerUser, can_tell_users_apart, peer_user

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked on Linux only; runs there")

_ANOTHER_UID = 43_002
_NOT_ROOT = "only root can start a process as another user; runs where the tests are run by root"
_CLIENT = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sys.stdout.write("connected")
sys.stdout.flush()
sys.stdin.read()
"""


@contextmanager
def connected(address: str, *, uid: int | None = None) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        client = subprocess.Popen(
            [
                "/usr/bin/env",
                sys.executable if uid is None else "python3",
                "-c",
                _CLIENT,
                address,
                str(port_of(server)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            user=uid,
            env={"PATH": "/usr/bin:/bin"},
        )
        with client:
            server.settimeout(10)
            connection, _ = server.accept()
            with connection:
                yield connection, client
            assert client.stdin is not None
            client.stdin.close()


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_this_kernel_can_be_asked() -> None:
    assert can_tell_users_apart()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_program_of_this_user_is_ours(address: str) -> None:
    with connected(address) as (connection, _):
        assert peer_user(connection) is PeerUser.OURS


@pytest.mark.skipif(os.geteuid() != 0, reason=_NOT_ROOT)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_program_of_another_user_is_not(address: str) -> None:
    with connected(address, uid=_ANOTHER_UID) as (connection, _):
        assert peer_user(connection) is PeerUser.ANOTHER


@pytest.mark.skipif(os.geteuid() != 0, reason=_NOT_ROOT)
def test_a_program_that_has_left_is_not_taken_for_root() -> None:
    with connected("127.0.0.1", uid=_ANOTHER_UID) as (connection, client):
        assert client.stdin is not None
        client.stdin.close()
        client.wait(timeout=10)
        time.sleep(0.1)
        assert peer_user(connection) is not PeerUser.OURS


def test_a_connection_of_another_kind_is_unknown() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_user(one) is PeerUser.UNKNOWN
