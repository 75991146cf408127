"""What a sandbox costs a call: `true`, Python and Node started in each mechanism, and as a bare process.

    python bench/sandbox.py [--rounds 30]

The mechanisms take turns, so that a busy machine is busy for all. Printed are milliseconds: the median, how much more
than the bare process of the same rounds that is, and the ratio; the same of the least; and processor time, ours and the
program's, which is the steadier figure where others use the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.pipelines.sandbox import Sandbox, bubblewrap, landlock, toolchain
from codefactory.pipelines.sandbox.bare import Bare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

PYTHON = toolchain.interpreter()
PROGRAMS: dict[str, Sequence[str]] = {"true": ["/bin/true"], "python": [str(PYTHON), "-I", "-c", "0"]}


async def bare(arguments: Sequence[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.communicate()
    assert process.returncode == 0


def inside(sandbox: Sandbox) -> Callable[[Sequence[str]], Awaitable[None]]:
    async def run(arguments: Sequence[str]) -> None:
        done = await sandbox.run(arguments, read=toolchain.needed(Path(arguments[0])))
        assert done.returncode == 0, done.stderr

    return run


def candidates() -> dict[str, Callable[[Sequence[str]], Awaitable[None]]]:
    found: dict[str, Callable[[Sequence[str]], Awaitable[None]]] = {
        "bare process": bare,
        "none (limits only)": inside(Sandbox(Bare())),
    }
    if program := bubblewrap.find():
        found["bubblewrap"] = inside(Sandbox(bubblewrap.Bubblewrap(program)))
    lock = landlock.available()
    if not isinstance(lock, str):
        found["landlock"] = inside(Sandbox(lock))
        found["landlock, no namespaces"] = inside(Sandbox(landlock.Landlock(lock.abi, namespaces=False)))
    return found


async def main(rounds: int) -> None:
    programs = dict(PROGRAMS)
    if node := shutil.which("node"):
        programs["node"] = [node, "-e", "0"]
    runners = candidates()
    print(
        f"{'program':<8} {'mechanism':<24}",
        *(f"{name:>7} {'more':>7}" for name in ("median", "least", "cpu")),
        "  ratio",
    )
    for program, arguments in programs.items():
        times: dict[str, list[float]] = {name: [] for name in runners}
        used: dict[str, list[float]] = {name: [] for name in runners}
        for _ in range(rounds):
            for name, runner in runners.items():
                before, started = sum(os.times()[:4]), time.perf_counter()
                await runner(arguments)
                times[name].append((time.perf_counter() - started) * 1000)
                used[name].append((sum(os.times()[:4]) - before) * 1000)
        base = times["bare process"]
        for name, taken in times.items():
            row = [statistics.median(taken), min(taken), statistics.mean(used[name])]
            more = [
                row[0] - statistics.median(base),
                row[1] - min(base),
                row[2] - statistics.mean(used["bare process"]),
            ]
            cells = (f"{value:>7.1f} {extra:>+7.1f}" for value, extra in zip(row, more, strict=True))
            ratio = f"{row[0] / statistics.median(base):>6.1f}×"
            print(f"{program:<8} {name:<24}", *cells, ratio)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    asyncio.run(main(parser.parse_args().rounds))
