"""What the bots of Microsoft's two SDKs ask: an assistant, polled as the `openai` package does it, or nobody.

Neither SDK has an assistant of its own. Runs in the environment of the SDKs. With ECHO=1 the tag comes back at once.
"""

import os
import warnings

from openai import AsyncOpenAI

warnings.simplefilter("ignore", DeprecationWarning)  # the package still has Assistants, and says that OpenAI has not

_client = AsyncOpenAI(api_key="key-of-the-bench", base_url=os.environ["SERVICE_URL"])
_threads: dict[str, str] = {}


async def answer(conversation: str, text: str) -> str:
    """Ask in the conversation's thread and wait for the answer."""
    if os.environ.get("ECHO"):
        return text.split(maxsplit=1)[0]
    if conversation not in _threads:
        _threads[conversation] = (await _client.beta.threads.create()).id
    thread = _threads[conversation]
    await _client.beta.threads.messages.create(thread, role="user", content=text)
    run = await _client.beta.threads.runs.create_and_poll(
        thread_id=thread, assistant_id="asst_bench", poll_interval_ms=500
    )
    messages = await _client.beta.threads.messages.list(thread, run_id=run.id, limit=1)
    return messages.data[0].content[0].text.value
