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


async def timed(call: Any) -> float:
    started = time.perf_counter()
    await call
    return time.perf_counter() - started


async def in_turn(url: str, rounds: int) -> tuple[list[float], list[float]]:
    model = OpenAICompatibleModel("openai/scripted", base_url=url)
    both: tuple[list[float], list[float]] = ([], [])
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


async def together(url: str) -> tuple[float, float]:
    model = OpenAICompatibleModel("openai/scripted", base_url=url)
    theirs: list[float] = []
    our: list[float] = []
    for _ in range(3):
        theirs.append(await timed(asyncio.gather(*(bare(url) for _ in range(STREAMS)))))
        started = time.perf_counter()
        counts = await asyncio.gather(*(ours(url, model) for _ in range(STREAMS)))
        our.append(time.perf_counter() - started)
        assert set(counts) == {counts[0]}
    return statistics.median(theirs), statistics.median(our)


FIRST_USE = """
import asyncio, json, sys, time
from codefactory.pipelines.models import LiteLLMModel, Message, connect
gaps = []
async def tick():
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - last - 0.001)
        last = now
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
    print(json.dumps({"seconds": seconds, "gaps": sorted(gaps)[-5:], "mb": rss}))
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
        theirs, our = asyncio.run(in_turn(url, options.rounds))
        figures["call"] = (statistics.median(theirs), statistics.median(our))
    with serving({"text": "abcd" * CHUNKS, "chunk_chars": 4}) as url:
        theirs, our = asyncio.run(in_turn(url, 10))
        figures["chunk"] = (statistics.median(theirs) / CHUNKS, statistics.median(our) / CHUNKS)
    with serving({"text": "abcd" * 50, "chunk_chars": 4, "delay_s": 0.01}) as url:
        figures["streams"] = asyncio.run(together(url))
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
    table = Table("", "httpx alone", "ours", "more", "goal", title="Asking a model, medians")
    for name, unit, factor, goal in (("call", "ms", 1e3, "≤ 5 ms"), ("chunk", "µs", 1e6, "≤ 50 µs")):
        theirs, our = (value * factor for value in figures[name])
        table.add_row(f"one {name}", f"{theirs:.2f} {unit}", f"{our:.2f} {unit}", f"{our - theirs:+.2f} {unit}", goal)
    theirs, our = figures["streams"]
    table.add_row(f"{STREAMS} streams at once", f"{theirs:.2f} s", f"{our:.2f} s", f"{our - theirs:+.2f} s", "")
    console.print(table)
    table = Table("", "seconds", "stalls > 20 ms", "longest", "memory", title="The event loop during a first use")
    for way, runs in figures["first"].items():
        stalls = sum(gap > STALL_S for run in runs for gap in run["gaps"])
        table.add_row(
            way,
            f"{statistics.median(r['seconds'] for r in runs):.2f}",
            f"{stalls} in {len(runs)} processes",
            f"{max(r['gaps'][-1] for r in runs) * 1e3:.1f} ms",
            f"{statistics.median(r['mb'] for r in runs):.0f} MB",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
