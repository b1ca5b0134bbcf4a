"""The embedded server as a process of its own, to be killed.

Run it as `python -m tests.support.embedded_process CODE_FOLDER MODE`.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from adapters.embedded.assistants_server import open_server
from adapters.embedded.models.port import ModelReply, ModelRequest, OnWords, Speaker
from tests.support.embedded_server import KEY, RememberingSandbox, calls, runs_code, says


class SlowModel:
    """Runs code first, then calls a function where there is one, then answers; slow, where its mode says so."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self.sees = False

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        outputs = [message for message in request.messages if message.speaker is Speaker.TOOL]
        if self._mode == "slow in its words" and on_words:
            on_words("after ")
            await asyncio.sleep(60)
        if self._mode == "slow at first" or (outputs and self._mode == "slow after code"):
            await asyncio.sleep(60)
        if self._mode == "brief":
            await asyncio.sleep(random.uniform(0, 0.1))
        if not outputs:
            return runs_code("print(1)", text="Let me see.")
        if len(outputs) == 1 and any(tool.name == "weather" for tool in request.tools):
            return calls(("weather", {}))
        return says(f"after {len(outputs)} outputs")

    async def close(self) -> None: ...


async def main(folder: Path, mode: str) -> None:
    server = await open_server(data_dir=folder, model=SlowModel(mode), sandbox=RememberingSandbox(), api_key=KEY)
    sys.stdout.write(server.base_url + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
