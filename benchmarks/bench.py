"""Run the benchmark: `make bench`, or `python -m benchmarks.bench C=50 saturated` for some cells only."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial

from benchmarks import bot, peers, report, signed
from benchmarks.chat_stand_in import ChatStandIn
from benchmarks.load import Load, apply
from benchmarks.report import Result
from benchmarks.responses_stand_in import ResponsesStandIn
from benchmarks.stand_ins import StandIns, listening

Start = Callable[[str, int], AbstractAsyncContextManager[bot.Process]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One load on one bot."""

    name: str
    load: Load
    streams: bool = False  # whether the service sends the events of a run, or the bot polls
    words_s: float = 0.0  # for how long before its end a streamed run writes words
    openai_faults: float = 0.0
    connector_faults: float = 0.0
    peers: tuple[str, ...] = field(default=())
    signed: bool = False  # measured again with an app id: authentication, allow-list, signed links
    beside_responses: bool = False  # our bot with the Responses API too
    beside_embedded: bool = False  # and with the embedded server, and a chat model behind that


_ALL = tuple(peers.PEERS)

CELLS = (
    Cell(name="C=1", load=Load(conversations=1, messages=10, run_s=2.0), peers=_ALL),
    Cell(name="C=1, short runs", load=Load(conversations=1, messages=100, run_s=0.2)),  # a p99 that is no maximum
    Cell(name="C=50", load=Load(conversations=50, messages=4, run_s=2.0), peers=_ALL),
    Cell(name="C=500", load=Load(conversations=500, messages=1, run_s=2.0)),
    Cell(name="C=2000", load=Load(conversations=2000, messages=1, run_s=2.0)),
    # Teams bears two messages a second in one conversation, and the bot keeps to it: only many of them load it fully.
    Cell(
        name="saturated",
        load=Load(conversations=300, messages=6, run_s=0.05, within_s=0.1),
        peers=("teams-ai", "Teams SDK", "Agents SDK"),
    ),
    Cell(name="C=1, streamed", load=Load(conversations=1, messages=10, run_s=2.0), streams=True),
    Cell(
        name="C=50, streamed",
        load=Load(conversations=50, messages=4, run_s=2.0),
        streams=True,
        peers=("Agents SDK echo",),  # what a turn costs there without an assistant and without anything durable
    ),
    Cell(name="saturated, streamed", load=Load(conversations=300, messages=6, run_s=0.05, within_s=0.1), streams=True),
    Cell(
        name="C=50, both backends",
        load=Load(conversations=50, messages=4, run_s=2.0),
        streams=True,
        beside_responses=True,
    ),
    Cell(
        name="saturated, both backends",
        load=Load(conversations=300, messages=6, run_s=0.05, within_s=0.1),
        streams=True,
        beside_responses=True,
    ),
    Cell(
        name="C=50, words",
        load=Load(conversations=50, messages=2, run_s=8.0),
        streams=True,
        words_s=5.0,
        beside_embedded=True,
    ),
    Cell(name="C=50, channels", load=Load(conversations=50, messages=2, run_s=6.0, scope="channel"), streams=True),
    Cell(name="C=50, on and off", load=Load(conversations=50, messages=4, run_s=2.0), streams=True, signed=True),
    Cell(
        name="saturated, on and off",
        load=Load(conversations=300, messages=6, run_s=0.05, within_s=0.1),
        streams=True,
        signed=True,
    ),
    Cell(name="long runs", load=Load(conversations=50, messages=1, run_s=10.0)),
    Cell(name="one tenant", load=Load(conversations=500, messages=1, run_s=2.0, tenants=1)),
    Cell(
        name="faults",
        load=Load(conversations=100, messages=2, run_s=0.5, within_s=1.0),
        openai_faults=0.2,
        connector_faults=0.3,
    ),
)


async def measure(cell: Cell, name: str, start: Start, cores: tuple[int, int]) -> Result:
    """One bot under one load, with stand-ins that have seen nothing before."""
    outside = StandIns(
        streams=cell.streams,
        words_s=cell.words_s,
        openai_faults=cell.openai_faults,
        connector_faults=cell.connector_faults,
    )
    app = outside.app()
    signed.add_routes(app)
    ResponsesStandIn(outside.seen, streams=cell.streams, words_s=cell.words_s).add_to(app, outside.around)
    ChatStandIn(outside.seen, words_s=cell.words_s).add_to(app, outside.around)
    runner, port = await listening(app)
    try:
        async with start(f"http://127.0.0.1:{port}/v1", cores[0]) as process:
            cpu_before_s = process.cpu_s()
            service_url = f"http://127.0.0.1:{port}/connector"
            bearer = signed.token(service_url) if start is signed.ours else ""
            figures = await apply(cell.load, outside, process.messages_url, service_url, bearer=bearer)
            cpu_s = process.cpu_s() - cpu_before_s
            answered = max(1, figures.asked - figures.lost)
            return Result(
                cell=cell.name,
                bot=name,
                figures=figures,
                cpu_ms_per_turn=cpu_s * 1e3 / answered,
                memory_mb=process.resident_peak_mb(),
            )
    finally:
        await runner.cleanup()


async def main(wanted: list[str]) -> list[Result]:
    """All cells, ours and the peers' side by side."""
    chosen = [cell for cell in CELLS if not wanted or cell.name in wanted]
    if any(cell.peers for cell in chosen):
        peers.prepare()
    cores = sorted(os.sched_getaffinity(0))[:2]
    bot_core, own_core = cores[0], cores[-1]
    os.sched_setaffinity(0, {own_core})
    results = []
    for cell in chosen:
        starts: dict[str, Start] = {"ours": bot.ours, **{name: peers.PEERS[name].start for name in cell.peers}}
        if cell.signed:
            starts["ours, signed"] = signed.ours
        if cell.beside_responses:
            starts["ours, responses"] = partial(bot.ours, settings=bot.RESPONSES)
        if cell.beside_embedded:
            starts["ours, embedded"] = partial(bot.ours, settings=bot.EMBEDDED)
        for name, start in starts.items():
            result = await measure(cell, name, start, (bot_core, own_core))
            report.show(result)
            results.append(result)
    return results


if __name__ == "__main__":
    report.write(asyncio.run(main(sys.argv[1:])))
