"""Which user of this machine is at the other end of a loopback connection: the kernel knows the owner of each socket.

sock_diag(7): a query for one socket by its addresses, which every user may ask and which costs some 20 microseconds.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Protocol

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
_ALL_STATES = 0xFFFF_FFFF
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_HEAD = struct.Struct("=BBBBI")  # struct inet_diag_req_v2, up to its socket id
_SOCKET_ID = struct.Struct("!HH16s16s")  # struct inet_diag_sockid up to its addresses, in network order
_SOCKET_ID_TAIL = struct.pack("=III", 0, 0xFFFF_FFFF, 0xFFFF_FFFF)  # any interface, no cookie
_UID_OFFSET = _HEADER.size + 4 + 48 + 12  # struct inet_diag_msg: four bytes, the socket id, three counters
_NOBODY_ANY_MORE = -1
_ANSWER_BYTES = 4096
_ANSWER_DEADLINE_S = 1.0


class PeerUser(Enum):
    """Who owns the other end of a connection."""

    OURS = auto()  # the user of this process, or root, from whom nothing on the machine is hidden
    ANOTHER = auto()  # or one that cannot be known because the other end was closed meanwhile
    UNKNOWN = auto()  # not Linux, or a socket of another network namespace, such as a container's


class Connection(Protocol):
    """The part of a socket, or of asyncio's wrapper of one, that says between which addresses it is."""

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        ...

    def getpeername(self) -> Any:
        """The address of the other end."""
        ...

    def getsockname(self) -> Any:
        """The address of this end."""
        ...


def peer_user(connection: Connection) -> PeerUser:
    """Ask the kernel who owns the other end of a TCP connection."""
    with suppress(OSError, ValueError, struct.error):
        uid = _owner(connection.family, local=connection.getpeername(), remote=connection.getsockname())
        if uid is not None:
            return PeerUser.OURS if uid in (os.geteuid(), 0) else PeerUser.ANOTHER
    return PeerUser.UNKNOWN


def can_tell_users_apart() -> bool:
    """Whether this kernel answers, tried with a connection of this process."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
        connection, _ = server.accept()
        with connection:
            return peer_user(connection) is PeerUser.OURS


def _owner(family: int, *, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    if sys.platform != "linux":
        return None
    (local_address, local_port), (remote_address, remote_port) = local[:2], remote[:2]
    socket_id = _SOCKET_ID.pack(local_port, remote_port, _packed(local_address), _packed(remote_address))
    query = _HEAD.pack(family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES) + socket_id + _SOCKET_ID_TAIL
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as kernel:
        kernel.settimeout(_ANSWER_DEADLINE_S)
        kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 1, 0) + query)
        answer = kernel.recv(_ANSWER_BYTES)
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:  # an error: there is no such socket in this network namespace
        return None
    uid, inode = struct.unpack_from("=II", answer, _UID_OFFSET)
    # A socket whose process has closed it is shown as root's, without an inode: its request must not pass as root's.
    return int(uid) if inode else _NOBODY_ANY_MORE


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address.partition("%")[0]).packed.ljust(16, b"\0")
