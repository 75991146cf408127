"""kill -9 at a random moment, then resume, over random pipelines: is anything lost, or done twice?

    python bench/crash.py [--trials 200] [--seed 1] [--durability normal]

Each trial makes a random pipeline (branches, joins, maps, retries, effects with receipts), runs it in a process of its
own and kills that process up to four times before it may finish. After every kill the store is read from outside:

  lost       a run did not finish with the values an undisturbed one gives
  repeated   the body of a step with a committed checkpoint began again
  effects    an effect with a committed receipt happened again
  store      the database did not open clean
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from codefactory.pipelines.engine import Context, Engine, Graph, Plan, Retry, StepError
from codefactory.pipelines.store import Store, retention

RUN = "0trial"
INPUTS = {"items": list(range(6))}


class Log:
    """Lines appended at once, so that a kill leaves whole ones."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, *words: str) -> None:
        os.write(self._file, (" ".join(words) + "\n").encode())


def build(seed: int, log: Log) -> Plan:
    rng = random.Random(seed)
    graph = Graph(f"trial{seed}")
    names: list[str] = []
    for number in range(rng.randint(3, 14)):
        name = f"s{number}"
        needs = rng.sample(names, min(len(names), rng.choice((0, 1, 1, 2, 3))))
        kind = rng.choice(("plain", "effect", "map", "retry")) if needs else "plain"
        if kind == "map":
            graph.add_map(name, mapped(name, rng.uniform(0, 0.002), log), over="items", limit=3)
        else:
            retry = Retry(attempts=3, base_s=0.001) if kind == "retry" else Retry()
            body = step(name, kind, rng.uniform(0, 0.008), tuple(needs), log)
            graph.add_node(name, body, retry=retry)
        for need in needs:
            graph.add_edge(need, name)
        names.append(name)
    graph.add_map("last", mapped("last", 0.0, log), over="items", limit=2)
    return graph.compile(concurrency=rng.choice((None, 2, 8)))


def mapped(name: str, pause_s: float, log: Log):
    async def body(item: int) -> int:
        log.write("body", f"{name}[{item}]")
        await asyncio.sleep(pause_s)
        return item * 2

    return body


def step(name: str, kind: str, pause_s: float, needs: tuple[str, ...], log: Log):
    async def body(ctx: Context) -> int:
        log.write("body", ctx.path)
        await asyncio.sleep(pause_s)
        if kind == "retry" and ctx.attempt == 1:
            raise StepError("the first try fails", "transient")
        if kind == "effect":
            for key in ("a", "b"):
                await ctx.once(key, lambda key=key: log.write("effect", f"{ctx.path}:{key}"))
                await asyncio.sleep(pause_s / 4)
        return int(name[1:]) + len(needs)

    return body


def child(seed: int, folder: Path, durability: str) -> None:
    """One process's life: begin or resume the run, and end with 0 when it has succeeded."""

    async def work() -> str:
        with Store(folder) as store:
            engine = Engine(store)
            plan = build(seed, Log(folder / "log"))
            known = store.query(lambda c: c.execute("select status from run where id=?", (RUN,)).fetchone())
            if known == ("succeeded",):
                return "succeeded"  # killed after its last commit
            if known is None:
                result = await engine.run(plan, INPUTS, run_id=RUN, durability=durability)  # pyright: ignore[reportArgumentType]
            else:
                result = await engine.resume(RUN, plan, durability=durability)  # pyright: ignore[reportArgumentType]
            return result.status if result.error is None else f"{result.status}: {result.error}"

    status = asyncio.run(work())
    if status != "succeeded":
        print(f"seed {seed}: {status}", file=sys.stderr)
    os._exit(0 if status == "succeeded" else 1)


def in_process(seed: int, folder: Path, durability: str, kill_after_s: float | None) -> bool:
    """Whether the run succeeded. Killed after the time given, if it has not ended by itself."""
    pid = os.fork()
    if pid == 0:
        try:
            child(seed, folder, durability)
        except BaseException as error:
            print(f"seed {seed}: {error!r}", file=sys.stderr)
        finally:
            os._exit(2)
    if kill_after_s is not None:
        end = time.monotonic() + kill_after_s
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status == 0
            time.sleep(0.0005)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == 0


def settled(folder: Path) -> tuple[set[str], set[str]]:
    """Bodies with a committed checkpoint and effects with a committed receipt, as the log names them."""
    database = folder / "runs.db"
    if not database.exists():
        return set(), set()
    connection = sqlite3.connect(database)
    try:
        steps = {row[0] for row in connection.execute("select path from step")}
        receipts = {f"{path}:{key}" for path, key in connection.execute("select path, key from receipt")}
    except sqlite3.OperationalError:
        return set(), set()
    finally:
        connection.close()
    return steps, receipts


def trial(seed: int, durability: str, counts: Counter[str]) -> list[str]:
    """What went wrong in one trial."""
    rng = random.Random(seed * 7919)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder = Path(name)
        kills = [rng.uniform(0.003, 0.06) for _ in range(rng.randint(1, 4))]
        finished = False
        for kill_after_s in [*kills, None]:
            log = folder / "log"
            seen = log.stat().st_size if log.exists() else 0
            bodies, receipts = settled(folder)
            finished = in_process(seed, folder, durability, kill_after_s)
            counts["kills" if kill_after_s is not None and not finished else "ends"] += 1
            lines = log.read_bytes()[seen:].decode().splitlines() if log.exists() else []
            for line in lines:
                kind, what = line.split()
                if kind == "body" and what in bodies:
                    wrong.append(f"repeated: {what}")
                if kind == "effect" and what in receipts:
                    wrong.append(f"effects: {what}")
            if problem := retention.check(folder) if (folder / "runs.db").exists() else None:
                wrong.append(f"store: {problem}")
            if finished:
                break
        if list(folder.glob("*.corrupt-*")):
            wrong.append("store: set aside")
        if kept_outputs(folder) != undisturbed(seed, folder):
            wrong.append("lost: the run did not end as an undisturbed one does")
    return wrong


def kept_outputs(folder: Path) -> object:
    with closing(sqlite3.connect(folder / "runs.db")) as connection:
        row = connection.execute("select outputs from run where status='succeeded'").fetchone()
    return row and json.loads(row[0])


def undisturbed(seed: int, folder: Path) -> object:
    result = asyncio.run(Engine().run(build(seed, Log(folder / "other-log")), INPUTS))
    return result.unwrap()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("full", "normal"), default="normal")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    violations = 0
    for seed in range(options.seed, options.seed + options.trials):
        for problem in trial(seed, options.durability, counts):
            violations += 1
            print(f"seed {seed}: {problem}")
    print(
        f"{options.trials} trials, durability {options.durability}: {counts['kills']} kills, "
        f"{counts['ends']} processes ended by themselves, {violations} violations"
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
