"""What the `file` and `transform` steps cost, against the programs that do nothing else, in the same rounds.

    python bench/steps.py [--rounds 3] [--megabytes 1024] [--folder .bench/steps]

Every measurement is a fresh process on the same disk; the peers take turns. Before each, what was written is flushed,
so that nobody pays for others. Speed is from the start of the work (the step, or the program) to its end; memory is the
peak of the process, and by how much it grew over what it was before the step. `durable` flushes to the disk: `cp` with
`sync` after it, the step in a run with `durability: full`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any

ROWS = 200_000


def measured(name: str, folder: Path) -> dict[str, float]:
    """One measurement, in this process: seconds, and peak and growth of memory in MB."""
    if name in PROGRAMS:
        started = perf_counter()
        for command in PROGRAMS[name]:
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return {"seconds": perf_counter() - started}
    return _steps(name, folder)


PROGRAMS = {
    "cp": [["cp", "source", "copy"]],
    "cp, durable": [["cp", "source", "copy"], ["sync", "copy"]],
    "cat": [["sh", "-c", "cat source > copy"]],
    "awk": [["sh", "-c", "awk -F, 'NR > 1 && $2 % 2 == 0 {print $1}' rows.csv > copy"]],
}
STEPS: dict[str, dict[str, Any]] = {
    "file: copy": {"type": "file", "with": {"operation": "copy", "path": "source", "to": "copy"}},
    "file: copy, durable": {"type": "file", "with": {"operation": "copy", "path": "source", "to": "copy"}},
    "file: copy, no kernel copy": {"type": "file", "with": {"operation": "copy", "path": "source", "to": "copy"}},
    "file: read as chunks": {"type": "file", "with": {"operation": "read", "path": "source", "as": "chunks"}},
    "transform: csv to lines": {
        "type": "transform",
        "with": {
            "from": {"path": "rows.csv"},
            "operations": [
                {"operation": "regex", "mode": "keep", "field": "n", "pattern": "[02468]$"},
                {"operation": "template", "text": "$name"},
            ],
            "to": {"path": "copy", "format": "lines"},
        },
    },
}


def _steps(name: str, folder: Path) -> dict[str, float]:
    import asyncio

    from codefactory.pipelines.definitions import loads
    from codefactory.pipelines.engine import Engine
    from codefactory.pipelines.policy import AccessPolicy
    from codefactory.pipelines.store import Store

    if name == "file: copy, no kernel copy":
        from codefactory.pipelines.files import transfer

        transfer._kernel_copy = transfer._sendfile = None
    small = {"type": "file", "with": {"operation": "copy", "path": "small", "to": "small copy", "overwrite": True}}

    async def work() -> tuple[float, float, float]:
        policy = AccessPolicy(read=(folder,), write=(folder,))
        durability: Any = "full" if "durable" in name else "normal"
        with tempfile.TemporaryDirectory(dir=folder) as records, Store(records) as store:
            engine = Engine(store, policy=policy)
            # Once with nothing in it: imports and threads are not what is measured.
            await engine.run(_plan(loads, small), durability=durability)
            before = _peak_mb()
            started = perf_counter()
            (await engine.run(_plan(loads, STEPS[name]), durability=durability)).unwrap()
            seconds = perf_counter() - started
            engine.close()
        return seconds, _peak_mb(), _peak_mb() - before

    seconds, peak, growth = asyncio.run(work())
    return {"seconds": seconds, "peak_mb": peak, "growth_mb": growth}


def _plan(loads: Any, step: dict[str, Any]) -> Any:
    return loads(json.dumps({"version": 1, "name": "bench", "steps": {"step": step}}), "json").unwrap()


def _peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prepare(folder: Path, megabytes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    block = "".join(f"{i:08x} a line of text as there are many\n" for i in range(24_000)).encode()[: 1 << 20]
    with (folder / "source").open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
    (folder / "small").write_text("small")
    with (folder / "rows.csv").open("w") as file:
        file.write("name,n\n")
        file.writelines(f"somebody {i},{i}\n" for i in range(ROWS))
    subprocess.run(["sync"], check=True)
    with (folder / "source").open("rb") as file:  # into memory, for everybody
        while file.read(1 << 24):
            pass


TABLES = (
    (("cp", "file: copy", "file: copy, no kernel copy", "cat"), "cp"),
    (("cp, durable", "file: copy, durable"), "cp, durable"),
    (("cat", "file: read as chunks"), "cat"),
    (("awk", "transform: csv to lines"), "awk"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--folder", type=Path, default=Path(".bench/steps"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    if options.one:
        print(json.dumps(measured(options.one, folder)))
        return
    prepare(folder, options.megabytes)
    names = list(dict.fromkeys(name for names, _ in TABLES for name in names))
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    try:
        for _ in range(options.rounds):
            for name in names:
                (folder / "copy").unlink(missing_ok=True)
                os.sync()
                command = [sys.executable, __file__, "--one", name, "--folder", str(folder)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[name].append(json.loads(done.stdout))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for row, base in TABLES:
        _print(row, base, found, options.megabytes)


def _print(names: tuple[str, ...], base: str, found: dict[str, list[dict[str, float]]], megabytes: int) -> None:
    print(f"\n{'':28} {'seconds':>8} {'MB/s':>7} {f'of {base}':>16} {'peak MB':>8} {'grown MB':>9}")
    for name in names:
        seconds = statistics.median(m["seconds"] for m in found[name])
        # Round by round: a disk that is busy is busy for both.
        share = statistics.median(b["seconds"] / m["seconds"] for m, b in zip(found[name], found[base], strict=True))
        rate = f"{megabytes / seconds:7.0f}" if "awk" not in base else f"{ROWS / seconds / 1000:5.0f}k/s"
        memory = " " * 18
        if "peak_mb" in found[name][0]:
            peak, grown = (statistics.median(m[key] for m in found[name]) for key in ("peak_mb", "growth_mb"))
            memory = f"{peak:8.0f} {grown:9.1f}"
        print(f"{name:28} {seconds:8.2f} {rate} {share:15.0%}  {memory}")


if __name__ == "__main__":
    main()
