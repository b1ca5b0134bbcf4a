"""The socket this service listens on, taken before anything else is started."""

from __future__ import annotations

import errno
import socket

BACKLOG = 2048  # connections that may wait to be accepted; after a long meeting many people write at once

LOOPBACK = "127.0.0.1"


class PortTakenError(Exception):
    """The address cannot be listened on; the text is the sentence for the terminal."""


def take_port(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(BACKLOG)  # two programs can bind the same port; only one can listen
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"Port {port} is taken by another program.") from None
        if error.errno == errno.EACCES:
            raise PortTakenError(f"Port {port} may not be used by this user.") from None
        raise PortTakenError(f"{host}:{port} cannot be listened on: {error.strerror}.") from None
    return taken


def url_of(taken: socket.socket) -> str:
    """The socket's http address, without a slash at its end."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
