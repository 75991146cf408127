"""Random pipelines against an interpreter so simple that it is plainly right."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.pipelines.engine import Engine, Graph, OnError, RunResult, append
from codefactory.pipelines.store import Store


@dataclass
class Node:
    needs: list[int]
    kind: str
    """ok, fail, recovers, slow, skip, any"""
    writes: bool = False


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    nodes: list[Node] = []
    kinds = st.sampled_from(["ok"] * 5 + ["slow", "skip", "any", "recovers", "fail"])
    for number in range(draw(st.integers(1, 9))):
        needs = draw(st.lists(st.integers(0, number - 1), unique=True, max_size=3)) if number else []
        nodes.append(Node(sorted(needs), draw(kinds), draw(st.booleans())))
    return nodes


@dataclass
class Outcome:
    values: dict[int, Any] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    failing: set[int] = field(default_factory=set)
    """Steps that may be the one that ends the run."""
    log: list[int] = field(default_factory=list)


def interpret(nodes: list[Node]) -> Outcome:
    """One step after the other, in order; a failure keeps only what needs it from running."""
    out = Outcome()
    blocked: set[int] = set()
    for number, node in enumerate(nodes):
        if blocked & set(node.needs):
            blocked.add(number)
            continue
        gone = [n for n in node.needs if n in out.skipped]
        if node.kind == "skip" or (gone and (node.kind != "any" or len(gone) == len(node.needs))):
            out.skipped.add(number)
        elif node.kind == "fail":
            out.failing.add(number)
            blocked.add(number)
        else:
            out.values[number] = "spare" if node.kind == "recovers" else value_of(number, node, out.values)
            if node.writes and node.kind != "recovers":  # what a failed attempt wrote does not count
                out.log.append(number)
    return out


def value_of(number: int, node: Node, values: dict[int, Any]) -> Any:
    return [number, [values.get(n) for n in node.needs]]


def build(nodes: list[Node], ran: list[int]) -> Graph:
    graph = Graph().add_channel("log", append, [])
    for number, node in enumerate(nodes):
        options: dict[str, Any] = {}
        if node.kind == "skip":
            options["when"] = lambda: False
        if node.kind == "any":
            options["join"] = "any"
        if node.kind == "recovers":
            options["on_error"] = OnError(default="spare")
        graph.add_node(f"s{number}", body(number, node, ran), takes={f"a{n}": f"s{n}" for n in node.needs}, **options)
    return graph


def body(number: int, node: Node, ran: list[int]) -> Any:
    names = ", ".join(f"a{n}" for n in node.needs)

    async def work(ctx: Any, *values: Any) -> Any:
        ran.append(number)
        if node.kind == "slow":
            await asyncio.sleep(0.0005)
        if node.writes:
            ctx.write("log", number)
        if node.kind in ("fail", "recovers"):
            raise ValueError(str(number))
        return [number, list(values)]

    scope: dict[str, Any] = {"work": work}
    takes, passes = (f"ctx: Context, {names}", f"ctx, {names}") if names else ("ctx: Context", "ctx")
    source = f"async def step({takes}):\n    return await work({passes})"
    exec(f"from codefactory.pipelines.engine import Context\n{source}", scope)
    return scope["step"]


def agree(nodes: list[Node], result: RunResult, ran: list[int]) -> None:
    expected = interpret(nodes)
    assert len(ran) == len(set(ran)), "a body ran twice"
    for number in ran:
        before = [n for n in nodes[number].needs if n in ran]
        assert all(ran.index(n) < ran.index(number) for n in before), "a step ran before one that it needs"
    if expected.failing:
        assert result.status == "failed"
        assert str(result.error).split("`")[1] in {f"s{n}" for n in expected.failing}
        assert set(ran) <= set(expected.values) | expected.failing
        return
    sinks = [n for n in expected.values if not any(n in other.needs for other in nodes)]
    assert result.unwrap() == {f"s{n}": expected.values[n] for n in sinks}
    assert sorted(ran) == sorted(expected.values)
    assert result.state == {"log": expected.log}


@given(graphs(), st.sampled_from([None, 1, 2]))
@settings(max_examples=120, deadline=None)
def test_order_results_and_errors(nodes: list[Node], concurrency: int | None) -> None:
    ran: list[int] = []
    plan = build(nodes, ran).compile(concurrency=concurrency)
    agree(nodes, asyncio.run(Engine().run(plan)), ran)
    ran.clear()
    agree(nodes, asyncio.run(Engine().run(plan, on_event=lambda _: None)), ran)


@given(graphs(), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_a_run_that_is_cancelled_anywhere_resumes_to_the_same_end(nodes: list[Node], turns: int) -> None:
    import tempfile

    async def work(folder: str) -> None:
        ran: list[int] = []
        plan = build(nodes, ran).compile()
        with Store(folder) as store:
            engine = Engine(store)
            running = asyncio.ensure_future(engine.run(plan, run_id="r"))
            for _ in range(turns):
                await asyncio.sleep(0)
            engine.cancel("r")
            result = await running
            finished = {record.path for record in await steps_of(store)}
            if result.status == "cancelled":
                again: list[int] = []
                result = await engine.resume("r", build(nodes, again).compile())
                assert not {f"s{n}" for n in again} & finished, "a finished step ran again"
                ran = sorted(set(ran) - set(again)) + again
                if result.status == "succeeded":
                    assert {f"s{n}" for n in ran} >= finished - {f"s{n}" for n in interpret(nodes).skipped}
            if result.status == "succeeded":
                assert result.state == {"log": interpret(nodes).log}
                agree_outputs(nodes, result)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(folder))


def agree_outputs(nodes: list[Node], result: RunResult) -> None:
    expected = interpret(nodes)
    sinks = [n for n in expected.values if not any(n in other.needs for other in nodes)]
    assert result.outputs == {f"s{n}": expected.values[n] for n in sinks}


@dataclass
class Kept:
    path: str


async def steps_of(store: Store) -> list[Kept]:
    await store.writer.committed()
    return [Kept(*row) for row in store.query(lambda c: c.execute("select path from step").fetchall())]
