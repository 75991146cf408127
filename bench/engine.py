"""The engine against its peers and against plain asyncio, on this machine, in the same rounds.

    python bench/engine.py [--rounds 3] [--only codefactory,asyncio] [--jobs chain,many]

Peers are installed into virtual environments of their own under .bench/ (a few minutes, once). Every measurement is a
fresh process; the peers take turns, so that a busy machine is busy for all. Printed are medians over the rounds, and
how many times the floor's figure of the same round a figure is. On a machine that others use, processor time (cpu) is
the steadier figure. Durable variants are on tmpfs, and on disk where said.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import venv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VENVS = HERE.parent / ".bench"
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "langgraph": ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2"),
    "pydantic-graph": ("pydantic-graph==2.68.0",),
    "haystack": ("haystack-ai==3.4.0",),
    "dbos": ("dbos==3.4.0",),
}
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: who, which variant, and where its files are."""

    peer: str
    variant: str
    folder: str = "tmpfs"

    def __str__(self) -> str:
        return f"{self.peer} ({self.variant}{', disk' if self.folder == 'disk' else ''})"


IN_MEMORY = [
    Row("asyncio", "none"),
    Row("codefactory", "none"),
    Row("codefactory", "events"),
    Row("pydantic-graph", "none"),
    Row("haystack", "none"),
    Row("langgraph", "none"),
]
DURABLE = [
    Row("asyncio", "durable"),
    Row("codefactory", "normal"),
    Row("codefactory", "full"),
    Row("asyncio", "durable", "disk"),
    Row("codefactory", "full", "disk"),
    Row("langgraph", "sqlite"),
    Row("dbos", "durable"),
]
JOBS: dict[str, tuple[str, list[Row], tuple[str, ...]]] = {
    "chain": ("100 steps, one after another", [*IN_MEMORY, *DURABLE], ("us_per_step", "rss_mb")),
    "many": (
        "1,000 pipelines of 5 steps at once",
        [*IN_MEMORY, *DURABLE],
        ("pipelines_per_s", "us_per_step", "cpu_us_per_step", "rss_mb"),
    ),
    "map": ("a map over 1,000 items, 32 at a time", [*IN_MEMORY, *DURABLE], ("us_per_item", "rss_mb")),
    "start": (
        "import, then a pipeline of three steps",
        IN_MEMORY,
        ("import_ms", "import_cpu_ms", "first_ms", "rss_mb"),
    ),
    "stream": ("1 GB from one step to the next", [Row("codefactory", "normal")], ("rss_mb",)),
    "growth": (
        "200 steps that each keep 1 KB",
        [Row("asyncio", "durable"), Row("codefactory", "normal"), Row("langgraph", "sqlite")],
        ("disk_kb",),
    ),
}
DEFINITION = """
import sys, time, asyncio
started, cpu = time.perf_counter(), time.process_time()
from codefactory.pipelines.definitions import load
from codefactory.pipelines.engine import Engine
import codefactory.pipelines.definitions.sandbox, codefactory.pipelines.definitions.steps
imported, import_cpu = time.perf_counter(), time.process_time()
first = []
def look(event):
    if event.kind == "step_started" and not first:
        first.extend((time.perf_counter(), time.process_time()))
async def main():
    await Engine().run(load(sys.argv[1]).unwrap(), {}, on_event=look)
asyncio.run(main())
print(*(x * 1e3 for x in (imported - started, first[0] - imported, import_cpu - cpu, first[1] - import_cpu)))
"""


def python_of(peer: str) -> str:
    """The interpreter a peer runs in; makes its environment if need be."""
    if peer not in REQUIREMENTS:
        return sys.executable
    folder = VENVS / peer
    ready = folder / ".ready"
    python = folder / "bin" / "python"
    if not ready.exists():
        print(f"installing {', '.join(REQUIREMENTS[peer])} …", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS[peer]], check=True)
        ready.touch()
    return str(python)


def measure(row: Row, job: str) -> dict[str, float] | str:
    """The figures, or why there are none."""
    folder = str(MEMORY) if row.folder == "tmpfs" and MEMORY.is_dir() else str(VENVS)
    done = subprocess.run(
        [python_of(row.peer), HERE / "peers.py", row.peer, job, row.variant],
        env={**os.environ, "BENCH_FOLDER": folder},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return (done.stderr.strip().splitlines() or ["no output"])[-1][:160]


def floor_of(row: Row, job: str) -> Row:
    durable = row.variant not in ("none", "events")
    return Row("asyncio", "durable" if durable else "none", row.folder)


def run(jobs: list[str], rounds: int, only: set[str]) -> None:
    VENVS.mkdir(exist_ok=True)
    for job in jobs:
        title, rows, columns = JOBS[job]
        rows = [r for r in rows if not only or r.peer in only or r.peer == "asyncio"]
        figures: dict[Row, list[dict[str, float]]] = defaultdict(list)
        problems: dict[Row, str] = {}
        for _ in range(rounds):
            for row in rows:
                found = measure(row, job)
                if isinstance(found, str):
                    problems[row] = found
                else:
                    figures[row].append(found)
        print(f"\n{title}\n")
        print(table(job, rows, columns, figures))
        for row, problem in problems.items():
            print(f"{row}: {problem}")


def table(job: str, rows: list[Row], columns: tuple[str, ...], figures: dict[Row, list[dict[str, float]]]) -> str:
    lines = [f"| | {' | '.join(columns)} | × asyncio |", f"|---|{'---|' * (len(columns) + 1)}"]
    for row in rows:
        if row not in figures:
            continue
        medians = [statistics.median(f[c] for f in figures[row]) for c in columns]
        first = "us_per_step" if "us_per_step" in columns else columns[0]
        floors = figures.get(floor_of(row, job), [])
        ratios = [f[first] / g[first] for f, g in zip(figures[row], floors, strict=False) if g[first]]
        ratio = f"{statistics.median(ratios):.2g}" if ratios and "us_" in first else ""
        lines.append(f"| {row} | {' | '.join(f'{m:,.4g}' for m in medians)} | {ratio} |")
    return "\n".join(lines)


def definition(rounds: int) -> None:
    """Import of everything a definition needs, and from its file to its first step."""
    text = textwrap.dedent("""
        version: 1
        name: three
        inputs: {name: {type: string, default: Ada}}
        steps:
          one: {type: set, with: {value: "Hello {{ inputs.name }}"}}
          two: {type: set, with: {value: "{{ steps.one.output | upper }}"}}
          three:
            type: condition
            with: {cases: [{when: "{{ steps.two.output | length > 3 }}", value: long}]}
    """)
    found: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "three.yaml"
        path.write_text(text)
        for _ in range(max(rounds, 3)):
            done = subprocess.run([sys.executable, "-c", DEFINITION, path], capture_output=True, text=True, check=True)
            found.append(tuple(float(x) for x in done.stdout.split()))
    imports, loads, cpu, load_cpu = (statistics.median(column) for column in zip(*found, strict=True))
    print("\na definition\n")
    print(f"import of engine, format and expressions: {imports:.0f} ms, of which {cpu:.0f} on a processor")
    print(f"file to first step: {loads:.1f} ms, of which {load_cpu:.1f} on a processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="peers, with commas; the floor always runs")
    parser.add_argument("--jobs", default=",".join(JOBS))
    options: Any = parser.parse_args()
    run(options.jobs.split(","), options.rounds, set(filter(None, options.only.split(","))))
    definition(options.rounds)


if __name__ == "__main__":
    main()
