"""An agent behind Microsoft's own server of the Responses protocol, which `scripts.second_servers` runs.

`python agent_program.py PICTURE` serves on loopback at $PORT. The last words of a person tell the agent what to do.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from azure.ai.agentserver.responses import (  # type: ignore[import-untyped]
    CreateResponse,
    ResponseContext,
    ResponseEventStream,
    ResponsesAgentServerHost,
)

PICTURE = base64.b64encode(Path(sys.argv[1]).read_bytes()).decode()
app = ResponsesAgentServerHost()


@app.response_handler  # type: ignore[untyped-decorator]
async def answer(request: CreateResponse, context: ResponseContext, cancelled: asyncio.Event) -> AsyncIterator[Any]:
    """Solve the article's equation, plot it, call a function, remember, or work until it is cancelled."""
    stream = ResponseEventStream(response_id=context.response_id, request=request)
    yield stream.emit_created()
    yield stream.emit_in_progress()
    items = await context.get_input_items()
    outputs = [item["output"] for item in items if item["type"] == "function_call_output"]
    words = next((item["content"][0]["text"] for item in reversed(items) if item["type"] == "message"), "")
    if "slowly" in words:
        await cancelled.wait()
        return
    if "weather" in words and not outputs:
        for event in stream.output_item_function_call("look_up", "call_1", "{}"):
            yield event
        yield stream.emit_completed()
        return
    if "plot" in words:
        call = {
            "type": "code_interpreter_call",
            "id": f"ci_{context.response_id.partition('_')[2]}",
            "status": "completed",
            "container_id": "cntr_1",
            "code": "plt.show()",
            "outputs": [{"type": "image", "url": f"data:image/png;base64,{PICTURE}"}],
        }
        item = stream.add_output_item(call["id"])
        yield item.emit_added(call)
        yield item.emit_done(call)
    said = f"y = 12 after {len(await context.get_history())} items"
    for event in stream.output_item_message(f"It is {outputs[0]}." if outputs else said):
        yield event
    yield stream.emit_completed()


if __name__ == "__main__":
    app.run(host="127.0.0.1")
