"""Graphs: where parameters come from, and what cannot be compiled."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from codefactory.pipelines.engine import Context, Graph, PlanError, append, run


async def inc(x: int) -> int:
    return x + 1


async def double(x: int) -> int:
    return 2 * x


async def add(left: int, right: int) -> int:
    return left + right


async def where(ctx: Context, x: int) -> str:
    return f"{ctx.path}:{x}"


def diamond() -> Graph:
    return (
        Graph("diamond")
        .add_node("first", inc)
        .add_node("left", double)
        .add_node("right", inc)
        .add_node("last", add)
        .add_edge("first", "left")
        .add_edge("first", "right")
    )


@pytest.mark.parametrize(
    ("graph", "inputs", "outputs"),
    [
        (Graph().add_node("a", inc), {"x": 1}, {"a": 2}),
        (Graph().add_node("a", inc).add_node("b", double).add_edge("a", "b"), {"x": 1}, {"b": 4}),
        (Graph().add_node("x", inc, takes={"x": "n"}).add_node("b", double), {"n": 1}, {"b": 4}),
        (Graph().add_node("b", double, takes={"x": "a"}).add_node("a", inc), {"x": 1}, {"b": 4}),
        (diamond(), {"x": 1}, {"last": 4 + 3}),
        (Graph().add_node("a", where), {"x": 7}, {"a": "a:7"}),
        (Graph().add_node("a", lambda x, y=2: x * y, inline=True), {"x": 3}, {"a": 6}),
        (Graph().add_node("a", lambda x: x * 2), {"x": 3}, {"a": 6}),
        (Graph().add_map("m", double, over="xs", limit=2), {"xs": [1, 2, 3]}, {"m": [2, 4, 6]}),
        (Graph().add_map("m", double, over="xs"), {"xs": []}, {"m": []}),
        (Graph().add_map("m", lambda item, by: item * by, over="xs"), {"xs": [1, 2], "by": 3}, {"m": [3, 6]}),
        (Graph().add_loop("l", double, start="x", until=lambda v: v > 50, limit=9), {"x": 1}, {"l": 64}),
        (Graph().add_graph("inner", diamond().compile()), {"x": 1}, {"inner": {"last": 7}}),
    ],
)
async def test_a_parameter_takes_what_its_name_says(graph: Graph, inputs: dict[str, Any], outputs: Any) -> None:
    assert (await run(graph.compile(), inputs)).unwrap() == outputs


async def concat(a: str) -> str:
    return a


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Graph("p").compile(), "pipeline `p` has no steps"),
        (lambda: Graph("p").add_node("a", inc).add_node("a", inc), "has two steps called `a`"),
        (lambda: Graph().add_node("a/b", inc), "cannot be called 'a/b'"),
        (lambda: Graph().add_node("analyze", inc).add_edge("analyse", "analyze").compile(), "did you mean `analyze`?"),
        (
            lambda: Graph().add_node("a", inc).add_node("b", inc).add_edge("a", "b").add_edge("b", "a").compile(),
            "wait for each other: a → b → a",
        ),
        (lambda: Graph().add_node("a", inc).add_node("b", concat).compile(), "takes str as `a`, but `a` gives int"),
        (lambda: Graph().add_node("a", inc, writes="log").compile(), "writes to `log`, which is no channel"),
        (lambda: Graph().add_map("m", inc, over="xs", limit=0), "the limit is 0; it must be at least 1"),
        (lambda: Graph().add_conditional_edges("a", bool, {}), "`a` has conditional edges but is no step"),
    ],
)
def test_what_cannot_work_is_said_before_anything_runs(make: Any, message: str) -> None:
    with pytest.raises(PlanError) as error:
        make()
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input `x` is missing"),
        ({"x": "1"}, "input `x` is a str, not an int"),
        ({"x": True}, "input `x` is a bool, not an int"),
        ({"x": 1, "y": 2}, "`y` is no input of this pipeline"),
    ],
)
async def test_wrong_inputs_are_named(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as error:
        await run(Graph("p").add_node("a", inc).compile(), inputs)
    assert message in str(error.value)


def test_the_version_is_the_content() -> None:
    one, same = diamond().compile(), diamond().compile()
    other = diamond().add_node("more", inc).compile()
    assert one.version == same.version
    assert one.version != other.version


async def choose(x: int) -> str:
    return "even" if x % 2 == 0 else "odd"


async def named(choose: str) -> str:
    return f"was {choose}"


def branching(join: Any) -> Graph:
    return (
        Graph()
        .add_node("choose", choose)
        .add_node("even", named)
        .add_node("odd", named)
        .add_node("end", lambda even, odd: [even, odd], inline=True, join=join)
        .add_conditional_edges("choose", lambda label: label, {"even": "even", "odd": "odd"})
    )


@pytest.mark.parametrize(("x", "end"), [(2, ["was even", None]), (3, [None, "was odd"])])
async def test_only_the_branch_that_is_chosen_runs(x: int, end: list[str | None]) -> None:
    assert (await run(branching("any").compile(), {"x": x})).outputs == {"end": end}


async def test_a_join_of_all_is_skipped_when_a_branch_was() -> None:
    result = await run(branching("all").compile(), {"x": 2})
    assert (result.status, result.outputs) == ("succeeded", {})


async def test_a_label_that_is_none_of_the_edges_fails_the_run() -> None:
    graph = branching("any")
    graph.add_conditional_edges("choose", lambda _: "prime", {"even": "even", "odd": "odd"})
    result = await run(graph.compile(), {"x": 2})
    assert "its condition chose `prime`, which is none of `even`, `odd`" in str(result.error)


async def test_a_condition_takes_what_its_parameters_name() -> None:
    graph = Graph().add_node("a", inc).add_node("b", double, takes={"x": "a"}, when=lambda a, most: a < most)
    plan = graph.compile()
    assert (await run(plan, {"x": 1, "most": 3})).outputs == {"b": 4}
    assert (await run(plan, {"x": 5, "most": 3})).outputs == {}


async def test_a_step_sees_what_the_steps_before_it_wrote_in_the_plans_order() -> None:
    def seen(ctx: Context) -> list[str]:
        return ctx.read("log")

    def say(text: str) -> Any:
        async def body() -> str:
            return text

        return body

    graph = (
        Graph()
        .add_channel("log", append, [])
        .add_node("a", say("a"), writes="log")
        .add_node("b", say("b"), writes="log")
        .add_node("between", seen)
        .add_node("end", seen)
        .add_edge("b", "between")
        .add_edge("a", "end")
        .add_edge("between", "end")
    )
    result = await run(graph.compile())
    assert result.outputs == {"end": ["a", "b"]}
    assert result.state == {"log": ["a", "b"]}


async def test_a_nested_graph_runs_under_a_limit_of_one() -> None:
    inner = diamond().compile()
    plan = Graph().add_graph("inner", inner).add_map("m", double, over="xs").compile(concurrency=1)
    assert (await run(plan, {"x": 1, "xs": [1, 2]})).outputs == {"inner": {"last": 7}, "m": [2, 4]}


def test_importing_the_engine_imports_nothing_heavy() -> None:
    code = "import codefactory.pipelines.engine, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "pydantic",
        "jinja2",
        "yaml",
        "ruamel.yaml",
        "sqlite3",
        "codefactory.analyzers",
        "codefactory.pipelines.store",
    }
    assert heavy & set(loaded) == set()
