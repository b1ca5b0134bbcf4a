"""Azure Blob Storage on loopback, as far as Azurite is that; it can be frozen, killed and started again, empty."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.azurite import running_azurite
from scripts.node import Node
from scripts.program import Command, Program
from tests.support.free_ports import lasting_port

ACCOUNT = "devstoreaccount1"
# Azurite's one account and key, the same everywhere: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_NUMBERS = itertools.count(1)


class Azurite:
    """`connection_string` stays the same over all its lives."""

    def __init__(self, node: Node, folder: Path, stack: ExitStack, *, options: Command) -> None:
        self._node = node
        self._folder = folder
        self._stack = stack
        self._options = options
        self.port = lasting_port()
        self._program = self._start()

    @property
    def connection_string(self) -> str:
        address = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={_KEY};BlobEndpoint={address};"

    def new_container(self) -> str:
        """A name that no test has used."""
        return f"test-{next(_NUMBERS)}"

    def freeze(self) -> None:
        """It listens, and answers nothing."""
        self._program.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._program.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._program.process.kill()
        self._program.process.wait(10)

    def start_again(self) -> None:
        """At the same address, with nothing in it: it kept everything in memory."""
        self._program = self._start()

    def _start(self) -> Program:
        return self._stack.enter_context(
            running_azurite(self._node, folder=self._folder, port=self.port, options=self._options)
        )


@contextmanager
def running_storage(node: Node, folder: Path, *, options: Command = ()) -> Iterator[Azurite]:
    with ExitStack() as stack:
        azurite = Azurite(node, folder, stack, options=options)
        stack.callback(azurite.thaw)  # a frozen process does not end when it is told to
        yield azurite
