"""The peers of bench/engine.py: the same three jobs, each in the peer's own idiom.

    python bench/peers.py PEER JOB VARIANT     one measurement in this process, printed as one line of JSON

A job is `chain` (100 steps), `many` (1,000 pipelines of 5 steps at once), `map` (1,000 items, 32 at a time where the
peer has a limit), `start` (import, then the first step of a pipeline of three), `growth` (200 steps of 1 KB, kept), or
`stream` (1 GB from one step to the next, ours only).
A step adds one to its input and awaits nothing. Only the peer measured is imported.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import queue
import resource
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

CHAIN, PIPELINES, STEPS, ITEMS, LIMIT, REPEATS, KEPT = 100, 1000, 5, 1000, 32, 5, 200
STREAM_MB = 1000


async def inc(x: int) -> int:
    return x + 1


class Asyncio:
    """The floor: a task a step; durable: a row a step, committed in groups by a thread, which each step awaits."""

    variants = ("none", "durable")

    def load(self) -> None:
        """Nothing to import."""

    async def open(self, variant: str, folder: Path) -> None:
        self.durable = variant != "none"
        if self.durable:
            self.rows: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self.loop = asyncio.get_running_loop()
            self.thread = threading.Thread(target=self.write, args=(folder / "floor.db",), daemon=True)
            self.thread.start()

    async def close(self) -> None:
        if self.durable:
            self.rows.put(None)
            self.thread.join()

    def write(self, path: Path) -> None:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute("create table step (run text, n integer, output text, primary key (run, n)) without rowid")
        while (first := self.rows.get()) is not None:
            batch = [first]
            while not self.rows.empty() and (row := self.rows.get()) is not None:
                batch.append(row)
            db.execute("begin")
            db.executemany("insert into step values (?,?,?)", [row for row, _ in batch])
            db.execute("commit")
            self.loop.call_soon_threadsafe(lambda done=batch: [f.set_result(None) for _, f in done])

    async def keep(self, row: tuple[Any, ...]) -> None:
        if self.durable:
            done = self.loop.create_future()
            self.rows.put((row, done))
            await done

    def chain(self, steps: int) -> Any:
        return steps

    async def run(self, steps: int, x: Any, key: str, body: Any = inc) -> Any:
        for n in range(steps):
            x = await asyncio.create_task(body(x))
            await self.keep((key, n, repr(x)))
        return x

    async def map(self, n: int, key: str) -> list[int]:
        slots = asyncio.Semaphore(LIMIT)

        async def one(i: int) -> int:
            async with slots:
                value = await inc(i)
                await self.keep((key, i, repr(value)))
                return value

        return await asyncio.gather(*(one(i) for i in range(n)))

    async def kept(self, steps: int) -> None:
        await self.run(steps, "x" * 1024, "kept", grow)


async def grow(x: str) -> str:
    return f"{int(x[:4].strip('x') or 0) + 1:04d}{x[4:]}"


class CodeFactory:
    """Ours."""

    variants = ("none", "events", "normal", "full")

    def load(self) -> None:
        import codefactory.pipelines.engine as engine

        self.engine_module = engine

    async def open(self, variant: str, folder: Path) -> None:
        self.store = None
        self.options: dict[str, Any] = {}
        if variant == "events":
            self.options = {"on_event": lambda _event: None}
        elif variant != "none":
            from codefactory.pipelines.store import Store

            self.store = Store(folder)
            self.options = {"durability": variant}
        self.engine = self.engine_module.Engine(self.store)
        self.folder = folder

    async def close(self) -> None:
        self.engine.close()
        if self.store is not None:
            self.store.close()

    def chain(self, steps: int, body: Any = inc) -> Any:
        graph = self.engine_module.Graph()
        for n in range(steps):
            graph.add_node(f"s{n}", body)
            if n:
                graph.add_edge(f"s{n - 1}", f"s{n}")
        return graph.compile()

    async def run(self, plan: Any, x: Any, key: str) -> Any:
        return (await self.engine.run(plan, {"x": x}, **self.options)).output

    async def map(self, n: int, key: str) -> list[int]:
        plan = self.engine_module.Graph().add_map("work", inc, over="items", limit=LIMIT).compile()
        return await self.run_map(plan, n)

    async def run_map(self, plan: Any, n: int) -> list[int]:
        return (
            await self.engine.run(plan, {"items": range(n) if self.store is None else list(range(n))}, **self.options)
        ).output

    async def kept(self, steps: int) -> None:
        await self.engine.run(self.chain(steps, grow), {"x": "x" * 1024}, **self.options)

    async def streamed(self, megabytes: int) -> None:
        """Pieces of 1 MB from one step to the next."""

        async def produce(n: int) -> Any:
            for _ in range(n):
                yield bytes(1_000_000)

        async def count(produce: Any) -> int:
            return sum([len(piece) async for piece in produce])

        graph = self.engine_module.Graph().add_node("produce", produce, stream=True).add_node("count", count)
        result = await self.engine.run(graph.compile(), {"n": megabytes}, **self.options)
        assert result.output == megabytes * 1_000_000


class LangGraph:
    variants = ("none", "sqlite")

    def load(self) -> None:
        global START, END, StateGraph, Send, Annotated, TypedDict
        from typing import Annotated, TypedDict

        from langgraph.graph import END, START, StateGraph
        from langgraph.types import Send

    async def open(self, variant: str, folder: Path) -> None:
        self.saver: Any = None
        self.options: dict[str, Any] = {}
        if variant == "sqlite":
            from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

            self.manager = AsyncSqliteSaver.from_conn_string(str(folder / "langgraph.db"))
            self.saver = await self.manager.__aenter__()
            self.options = {"durability": "sync"}

    async def close(self) -> None:
        if self.saver is not None:
            await self.manager.__aexit__(None, None, None)

    def chain(self, steps: int, body: Any = inc) -> Any:
        state = TypedDict("state", {"x": Any})
        graph = StateGraph(state)

        async def node(given: Any) -> Any:
            return {"x": await body(given["x"])}

        for n in range(steps):
            graph.add_node(f"s{n}", node)
            graph.add_edge(f"s{n - 1}" if n else START, f"s{n}")
        graph.add_edge(f"s{steps - 1}", END)
        return graph.compile(checkpointer=self.saver)

    async def run(self, graph: Any, x: Any, key: str) -> Any:
        config = {"recursion_limit": 10_000, "configurable": {"thread_id": key}}
        return (await graph.ainvoke({"x": x}, config, **self.options))["x"]

    async def map(self, n: int, key: str) -> list[int]:
        state = TypedDict("state", {"out": Annotated[list, lambda a, b: a + b]})
        graph = StateGraph(state)

        async def work(item: Any) -> Any:
            return {"out": [await inc(item["i"])]}

        graph.add_node("source", lambda _state: {})
        graph.add_node("work", work)
        graph.add_edge(START, "source")
        graph.add_conditional_edges("source", lambda _state: [Send("work", {"i": i}) for i in range(n)], ["work"])
        graph.add_edge("work", END)
        config = {"max_concurrency": LIMIT, "configurable": {"thread_id": key}}
        return (await graph.compile(checkpointer=self.saver).ainvoke({"out": []}, config, **self.options))["out"]

    async def kept(self, steps: int) -> None:
        await self.run(self.chain(steps, grow), "x" * 1024, "kept")


class PydanticGraph:
    variants = ("none",)

    def load(self) -> None:
        global GraphBuilder, StepContext, reduce_list_append
        from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

    async def open(self, _variant: str, _folder: Path) -> None:
        """Version 2 keeps nothing."""

    async def close(self) -> None:
        """Nothing to close."""

    def chain(self, steps: int) -> Any:
        graph = GraphBuilder(input_type=int, output_type=int)

        async def body(ctx: StepContext[None, None, int]) -> int:
            return await inc(ctx.inputs)

        nodes = [graph.step(body, node_id=f"s{n}") for n in range(steps)]
        edges = [
            graph.edge_from(a).to(b) for a, b in zip([graph.start_node, *nodes], [*nodes, graph.end_node], strict=True)
        ]
        graph.add(*edges)
        return graph.build()

    async def run(self, graph: Any, x: Any, key: str) -> Any:
        return await graph.run(inputs=x)

    async def map(self, n: int, key: str) -> list[int]:
        graph = GraphBuilder(input_type=int, output_type=list[int])

        @graph.step
        async def source(ctx: StepContext[None, None, int]) -> list[int]:
            return list(range(ctx.inputs))

        @graph.step
        async def work(ctx: StepContext[None, None, int]) -> int:
            return await inc(ctx.inputs)

        join = graph.join(reduce_list_append, initial_factory=list[int])
        graph.add(
            graph.edge_from(graph.start_node).to(source),
            graph.edge_from(source).map().to(work),
            graph.edge_from(work).to(join),
            graph.edge_from(join).to(graph.end_node),
        )
        return await graph.build().run(inputs=n)


class Haystack:
    variants = ("none",)

    def load(self) -> None:
        os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
        global Pipeline, Inc
        from haystack import Pipeline, component

        @component
        class Inc:
            @component.output_types(x=int)
            def run(self, x: int) -> dict[str, int]:
                return {"x": x + 1}

            @component.output_types(x=int)
            async def run_async(self, x: int) -> dict[str, int]:
                return {"x": await inc(x)}

    async def open(self, _variant: str, _folder: Path) -> None:
        """Keeps nothing a step."""

    async def close(self) -> None:
        """Nothing to close."""

    def chain(self, steps: int) -> Any:
        pipeline = Pipeline()
        for n in range(steps):
            pipeline.add_component(f"s{n}", Inc())
            if n:
                pipeline.connect(f"s{n - 1}.x", f"s{n}.x")
        return pipeline, f"s{steps - 1}"

    async def run(self, chain: Any, x: Any, key: str) -> Any:
        pipeline, last = chain
        return (await pipeline.run_async({"s0": {"x": x}}))[last]["x"]

    async def map(self, n: int, key: str) -> list[int]:
        """It has no map: a graph of that many parallel components is its only way."""
        pipeline = Pipeline()
        pipeline.add_component("source", Inc())
        for i in range(n):
            pipeline.add_component(f"w{i}", Inc())
            pipeline.connect("source.x", f"w{i}.x")
        return list(await pipeline.run_async({"source": {"x": 0}}, concurrency_limit=LIMIT))


class Dbos:
    variants = ("durable",)

    def load(self) -> None:
        global DBOS, SetWorkflowID
        from dbos import DBOS, SetWorkflowID

    async def open(self, _variant: str, folder: Path) -> None:
        url = f"sqlite:///{folder}/dbos.db"
        DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "console_log_level": "ERROR"})

        @DBOS.step()
        async def step(x: Any) -> Any:
            return await inc(x)

        @DBOS.workflow()
        async def chain(steps: int, x: Any) -> Any:
            for _ in range(steps):
                x = await step(x)
            return x

        @DBOS.workflow()
        async def spread(n: int) -> list[Any]:
            slots = asyncio.Semaphore(LIMIT)

            async def one(i: int) -> Any:
                async with slots:
                    return await step(i)

            return await asyncio.gather(*(one(i) for i in range(n)))

        self.workflow, self.spread = chain, spread
        DBOS.launch()

    async def close(self) -> None:
        await asyncio.to_thread(DBOS.destroy)

    def chain(self, steps: int) -> Any:
        return steps

    async def run(self, steps: int, x: Any, key: str) -> Any:
        with SetWorkflowID(key):
            return await self.workflow(steps, x)

    async def map(self, n: int, key: str) -> list[int]:
        with SetWorkflowID(key):
            return await self.spread(n)


PEERS = {
    "asyncio": Asyncio,
    "codefactory": CodeFactory,
    "langgraph": LangGraph,
    "pydantic-graph": PydanticGraph,
    "haystack": Haystack,
    "dbos": Dbos,
}


async def measure(peer: Any, job: str, variant: str, folder: Path) -> dict[str, float]:
    await peer.open(variant, folder)
    try:
        match job:
            case "chain":
                plan = peer.chain(CHAIN)
                seconds = [await timed(lambda i=i: peer.run(plan, 0, f"k{i}"), CHAIN) for i in range(REPEATS + 1)]
                return {"us_per_step": statistics.median(seconds[1:]) / CHAIN * 1e6}
            case "many":
                plan = peer.chain(STEPS)
                await peer.run(plan, 0, "warm")
                together = lambda: asyncio.gather(*(peer.run(plan, 0, f"k{i}") for i in range(PIPELINES)))  # noqa: E731
                used = time.process_time()
                seconds = await timed(together, [STEPS] * PIPELINES)
                used = time.process_time() - used
                count = PIPELINES * STEPS
                per_step = {"us_per_step": seconds / count * 1e6, "cpu_us_per_step": used / count * 1e6}
                return {"pipelines_per_s": PIPELINES / seconds, **per_step}
            case "map":
                expected = None if isinstance(peer, Haystack) else list(range(1, ITEMS + 1))
                seconds = [await timed(lambda i=i: peer.map(ITEMS, f"m{i}"), expected) for i in range(REPEATS + 1)]
                return {"us_per_item": statistics.median(seconds[1:]) / ITEMS * 1e6}
            case "stream":
                await peer.streamed(STREAM_MB)
                return {}
            case "growth":
                await peer.kept(KEPT)
                return {}
            case _:
                assert await peer.run(peer.chain(3), 0, "k") == 3
                return {}
    finally:
        await peer.close()


async def timed(work: Any, expected: Any) -> float:
    gc.collect()
    started = time.perf_counter()
    result = await work()
    seconds = time.perf_counter() - started
    assert expected is None or (sorted(result) if isinstance(result, list) else result) == expected, result
    return seconds


def main() -> None:
    name, job, variant = sys.argv[1:4]
    peer = PEERS[name]()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER"), prefix="bench-") as folder:
        started, cpu = time.perf_counter(), time.process_time()
        peer.load()
        imported, cpu = time.perf_counter(), time.process_time() - cpu
        found = asyncio.run(measure(peer, job, variant, Path(folder)))
        if job == "start":
            first_ms = (time.perf_counter() - imported) * 1e3
            found |= {"import_ms": (imported - started) * 1e3, "import_cpu_ms": cpu * 1e3, "first_ms": first_ms}
        found["disk_kb"] = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 1000
    found["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
