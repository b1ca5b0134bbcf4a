"""The socket this service listens on, taken before anything else is started."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from bot.errors import BotError

BACKLOG = 2048  # connections that may wait to be accepted; after a long meeting many people write at once

LOOPBACK = "127.0.0.1"


class PortTakenError(Exception):
    """The port cannot be listened on, another may; the text is the sentence for the terminal."""


def take_port(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises PortTakenError, or BotError if it is not for the port."""
    with ExitStack() as stack:
        try:
            taken = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, port))
            taken.listen(BACKLOG)  # two programs can bind the same port; only one can listen
        except OSError as error:
            raise _refusal(host, port, error) from None
        stack.pop_all()
    return taken


def _refusal(host: str, port: int, error: OSError) -> PortTakenError | BotError:
    match error.errno:
        case errno.EADDRINUSE:
            return PortTakenError(f"Port {port} is taken by another program.")
        case errno.EACCES:
            return PortTakenError(f"Port {port} may not be used by this user.")
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return BotError(f"HOST {host} is not an address of this machine. HOST=0.0.0.0 listens on all that it has")
        case _:
            return BotError(f"{host}:{port} cannot be listened on: {error.strerror}")


def url_of(taken: socket.socket) -> str:
    """The socket's http address, without a slash at its end."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
