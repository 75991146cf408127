"""What asking a model through us costs, over a bare HTTP call by the same client to the same server in the same run.

    python bench/models.py [--rounds 300] [--json]

Three tables: a whole call, a streamed chunk and 200 streams at once against httpx alone; how often and how long the
event loop stands still when a model is asked for the first time in a process, directly and by litellm. The server runs
in a process of its own; the figures of the first are medians over calls made in turn, so that what else the machine
does falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.completion import complete
from codefactory.pipelines.models import Message, OpenAICompatibleModel
from codefactory.pipelines.models.http_client import client, way_to

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(__file__).resolve().parent.parent / "tests" / "scripted_server.py"
ASK = (Message("user", "Say hello."),)
CHUNKS = 2000
STREAMS = 200
STALL_S = 0.02


@contextmanager
def serving(*steps: dict[str, Any]) -> Iterator[str]:
    script = Path(__file__).with_suffix(".script.json")
    script.write_text(json.dumps([{"times": None, **step} for step in steps]))
    process = subprocess.Popen(
        [sys.executable, str(SERVER), "--script", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        yield url
    finally:
        process.kill()
        process.wait()
        script.unlink()


async def bare(url: str, *, stream: bool = True) -> int:
    """The least that a client has to do: send, read the lines, parse each event. The number of events."""
    http = await client(way_to(url))
    body = {
        "model": "scripted",
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 100_000,
        "temperature": 0.0,
        "stream": stream,
        "stream_options": {"include_usage": True},
    }
    events = 0
    async with http.stream("POST", f"{url}/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                json.loads(line[6:])
                events += 1
    return events


async def ours(url: str, model: OpenAICompatibleModel) -> int:
    spending = Spending(Budget(max_tokens=10**9, max_usd=None))
    pieces = 0

    def count(_: str) -> None:
        nonlocal pieces
        pieces += 1

    await complete(model, ASK, spending, role="chat", max_output_tokens=100_000, report=count)
    return pieces


async def timed(call: Any) -> tuple[float, float]:
    """Seconds by the clock, and of this process's own work."""
    started, worked = time.perf_counter(), time.process_time()
    await call
    return time.perf_counter() - started, time.process_time() - worked


async def in_turn(url: str, rounds: int) -> list[list[tuple[float, float]]]:
    model = OpenAICompatibleModel("openai/scripted", base_url=url)
    both: list[list[tuple[float, float]]] = [[], []]
    for _ in range(5):
        await bare(url)
        await ours(url, model)
    for number in range(rounds):
        if number % 2:
            both[1].append(await timed(ours(url, model)))
            both[0].append(await timed(bare(url)))
        else:
            both[0].append(await timed(bare(url)))
            both[1].append(await timed(ours(url, model)))
    return both


async def together(url: str) -> list[list[tuple[float, float]]]:
    model = OpenAICompatibleModel("openai/scripted", base_url=url)
    both: list[list[tuple[float, float]]] = [[], []]
    for _ in range(3):
        both[0].append(await timed(asyncio.gather(*(bare(url) for _ in range(STREAMS)))))
        both[1].append(await timed(asyncio.gather(*(ours(url, model) for _ in range(STREAMS)))))
    return both


def medians(both: list[list[tuple[float, float]]], divided_by: int = 1) -> list[tuple[float, float]]:
    """By the clock: httpx and ours; of work: httpx and ours."""
    columns = [[statistics.median(run[which] for run in side) / divided_by for side in both] for which in (0, 1)]
    return [(theirs, our) for theirs, our in columns]


FIRST_USE = """
import asyncio, json, sys, time
from codefactory.pipelines.models import LiteLLMModel, Message, connect
gaps = []
async def tick():
    last, worked = time.perf_counter(), time.process_time()
    while True:
        await asyncio.sleep(0.001)
        now, work = time.perf_counter(), time.process_time()
        gaps.append((now - last - 0.001, min(now - last, work - worked)))
        last, worked = now, work
async def main():
    way, url = sys.argv[1:]
    if way == "litellm":
        model = LiteLLMModel("openai/scripted", api_base=url, timeout_s=60)
    elif way != "nothing":
        model = connect("openai/scripted", api_base=url)
    await asyncio.sleep(0.2)
    ticking = asyncio.ensure_future(tick())
    started = time.perf_counter()
    if way == "nothing":
        await asyncio.sleep(2)
    else:
        async for _ in model.complete([Message("user", "Say hello.")], max_output_tokens=100_000):
            pass
    seconds = time.perf_counter() - started
    ticking.cancel()
    rss = int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20 if sys.platform == "linux" else 0
    print(json.dumps({"seconds": seconds, "gaps": [g for g in gaps if max(g) > 0.005], "mb": rss}))
asyncio.run(main())
"""


def first_use(way: str, url: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", FIRST_USE, way, url], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="calls of each kind for the first row")
    parser.add_argument("--first-uses", type=int, default=5, help="processes for each row of the last table")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with serving({"text": "hello"}) as url:
        figures["call"] = medians(asyncio.run(in_turn(url, options.rounds)))
    with serving({"text": "abcd" * CHUNKS, "chunk_chars": 4}) as url:
        figures["chunk"] = medians(asyncio.run(in_turn(url, 10)), CHUNKS)
    with serving({"text": "abcd" * 50, "chunk_chars": 4, "delay_s": 0.01}) as url:
        figures["streams"] = medians(asyncio.run(together(url)))
    with serving({"text": "hello"}) as url:
        figures["first"] = {
            way: [first_use(way, url) for _ in range(options.first_uses)] for way in ("nothing", "direct", "litellm")
        }
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 0


def show(figures: dict[str, Any]) -> None:
    console = Console()
    table = Table("", "httpx alone", "ours", "more", "work: httpx", "ours", "more", "goal", title="Asking, medians")
    rows = (
        ("one call", "call", "ms", 1e3, "≤ 5 ms"),
        ("one chunk", "chunk", "µs", 1e6, "≤ 50 µs"),
        (f"{STREAMS} streams at once", "streams", "s", 1.0, ""),
    )
    for title, name, unit, factor, goal in rows:
        cells: list[str] = []
        for theirs, our in figures[name]:
            shown = (theirs * factor, our * factor, (our - theirs) * factor)
            cells += [f"{shown[0]:.2f} {unit}", f"{shown[1]:.2f} {unit}", f"{shown[2]:+.2f} {unit}"]
        table.add_row(title, *cells, goal)
    console.print(table)
    table = Table("", "seconds", "stalls > 20 ms", "longest", "of own work", "longest", "memory", title="A first use")
    for way, runs in figures["first"].items():
        cells: list[str] = []
        for which in (0, 1):
            gaps = [gap[which] for run in runs for gap in run["gaps"]]
            stalls = sum(gap > STALL_S for gap in gaps)
            cells += [f"{stalls} in {len(runs)} processes", f"{max(gaps, default=0.0) * 1e3:.1f} ms"]
        seconds = statistics.median(run["seconds"] for run in runs)
        table.add_row(way, f"{seconds:.2f}", *cells, f"{statistics.median(run['mb'] for run in runs):.0f} MB")
    console.print(table)
    console.print(
        "A stall: the event loop's 1 ms timer is late by more than 20 ms. Of own work: as far as this process, any of "
        "its threads, was computing meanwhile; the rest is what other programs took. `nothing` asks no model."
    )


if __name__ == "__main__":
    sys.exit(main())
