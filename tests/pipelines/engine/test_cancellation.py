"""Cancelling a run ends everything it started, soon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.engine import Context, Engine, Graph, run_sync
from codefactory.pipelines.engine.processes import descendants

if TYPE_CHECKING:
    from pathlib import Path

SLEEPER = [sys.executable, "-c", "import time, sys; open(sys.argv[1], 'w').close(); time.sleep(60)"]
NESTED = [sys.executable, "-c", f"import subprocess, sys; subprocess.run({SLEEPER!r} + sys.argv[1:])"]


async def until(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240 another process makes it
        await asyncio.sleep(0.01)


def in_thread(command: list[str], flag: Path) -> Any:
    def body() -> int:
        return subprocess.run([*command, str(flag)], check=False).returncode

    return body


def in_engine(command: list[str], flag: Path) -> Any:
    async def body(ctx: Context) -> int:
        return (await ctx.process([*command, str(flag)])).returncode

    return body


@pytest.mark.parametrize("command", [SLEEPER, NESTED], ids=["child", "grandchild"])
@pytest.mark.parametrize("make", [in_thread, in_engine])
@pytest.mark.parametrize("depth", [0, 2], ids=["flat", "nested"])
async def test_processes_end_with_the_run(tmp_path: Path, make: Any, command: list[str], depth: int) -> None:
    others = descendants(os.getpid())
    engine = Engine()
    flag = tmp_path / "flag"
    plan = Graph().add_node("work", make(command, flag)).compile()
    for _ in range(depth):
        plan = Graph().add_graph("inner", plan).add_node("other", asyncio.Event().wait).compile()
    running = asyncio.ensure_future(engine.run(plan, run_id="r"))
    await until(flag)
    started = time.perf_counter()
    assert engine.cancel("r", "enough")
    result = await running
    assert (result.status, str(result.error)) == ("cancelled", "enough")
    while descendants(os.getpid()) != others and time.perf_counter() - started < 1:  # noqa: ASYNC110 the kernel's doing
        await asyncio.sleep(0.001)
    # 100 ms on a machine of one's own; others are at work here.
    assert time.perf_counter() - started < 0.5
    assert descendants(os.getpid()) == others
    assert engine.active == ()


async def test_the_first_failure_ends_the_others_and_is_the_runs() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("waits")

    async def fails() -> None:
        await asyncio.sleep(0.001)
        raise ValueError("no")

    plan = Graph().add_node("a", waits).add_node("b", fails).add_node("c", waits).compile()
    result = await Engine().run(plan)
    assert str(result.error) == "step `b` failed (fatal): ValueError: no"
    assert ended == ["waits", "waits"]


async def test_cancelling_the_callers_task_is_not_swallowed() -> None:
    engine = Engine()
    plan = Graph().add_node("a", asyncio.Event().wait).add_node("b", asyncio.Event().wait).compile()
    running = asyncio.ensure_future(engine.run(plan))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert engine.active == ()


async def test_who_stops_reading_the_stream_cancels_the_run() -> None:
    engine, ended = Engine(), asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    stream = engine.stream(Graph().add_node("a", waits).compile())
    async for event in stream:
        if event.kind == "step_started":
            break
    await stream.aclose()
    assert ended.is_set()
    assert engine.active == ()


async def test_a_step_that_will_not_end_does_not_hold_the_run() -> None:
    async def stubborn() -> None:
        for _ in range(50):
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                continue

    engine = Engine(grace_s=0.02)
    plan = Graph().add_node("a", asyncio.Event().wait).add_node("b", stubborn).compile()
    running = asyncio.ensure_future(engine.run(plan, run_id="r"))
    await asyncio.sleep(0.01)
    started = time.perf_counter()
    engine.cancel("r")
    assert (await running).status == "cancelled"
    assert time.perf_counter() - started < 0.5


async def test_a_slow_reader_slows_the_run() -> None:
    made: list[int] = []

    async def pieces() -> Any:
        for number in range(100):
            made.append(number)
            yield str(number)

    seen = 0
    async for event in Engine().stream(Graph().add_node("a", pieces).compile(), buffer=10):
        seen += event.kind == "output_delta"
        if seen == 5:
            await asyncio.sleep(0.01)
            assert len(made) <= 20
    assert seen == 100


async def test_a_stream_step_is_read_piece_by_piece() -> None:
    live, most = [0], [0]

    async def chunks(n: int) -> Any:
        for _ in range(n):
            live[0] += 1
            most[0] = max(most[0], live[0])
            yield bytes(1000)

    async def count(chunks: Any) -> int:
        total = 0
        async for chunk in chunks:
            live[0] -= 1
            total += len(chunk)
        return total

    plan = Graph().add_node("chunks", chunks, stream=True).add_node("count", count).compile()
    assert (await Engine().run(plan, {"n": 500})).output == 500_000
    assert most == [1]


def test_sync_wrappers_refuse_to_block_a_loop() -> None:
    plan = Graph().add_node("a", lambda: 1, inline=True).compile()
    assert run_sync(plan).output == 1

    async def inside() -> None:
        run_sync(plan)

    with pytest.raises(RuntimeError, match="await the coroutine instead"):
        asyncio.run(inside())


@pytest.mark.parametrize("turns", range(6))
async def test_a_failure_beside_a_step_that_swallows_its_cancellation(turns: int) -> None:
    """The cancellation that ends the others must not outlive the run in its caller's task."""

    async def swallows() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "swallowed"
        return "late"

    async def fails() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise ValueError("no")

    result = await Engine().run(Graph().add_node("a", swallows).add_node("b", fails).compile())
    assert result.status == "failed"
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancellation_at_any_moment_ends_in_a_result(turns: int) -> None:
    async def quick() -> None:
        await asyncio.sleep(0)

    async def swallows() -> None:
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    graph = (
        Graph().add_node("a", quick).add_node("b", swallows).add_node("c", quick).add_edge("a", "c").add_edge("b", "c")
    )
    engine = Engine()

    async def cancel() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        engine.cancel("r")

    canceller = asyncio.ensure_future(cancel())
    result = await engine.run(graph.compile(), run_id="r")
    await canceller
    assert result.status in ("cancelled", "succeeded")
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
