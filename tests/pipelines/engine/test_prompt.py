"""`prompt` steps, over real HTTP to a scripted server."""

from __future__ import annotations

import asyncio
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from model_calls import direct_at
from scripted_server import Drop, Failure, Hang, Reply, ScriptedServer

from codefactory.pipelines import tools
from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Budget, Engine, Event
from codefactory.pipelines.engine.events import CostRecorded, LogWritten, OutputDelta
from codefactory.pipelines.models import Model, ModelError, Price
from codefactory.pipelines.models.source import fixed
from codefactory.pipelines.policy import AccessPolicy

if TYPE_CHECKING:
    from codefactory.pipelines.engine import Plan, RunResult
    from codefactory.pipelines.models import ModelSource


def plan(settings: str, *, more: str = "", head: str = "") -> Plan:
    body = textwrap.indent(textwrap.dedent(settings).strip(), "      ")
    return loads(f"version: 1\nname: p\n{head}steps:\n  ask:\n    type: prompt\n{more}    with:\n{body}\n").unwrap()


class Asking:
    """Runs plans against one server, and keeps the events."""

    def __init__(self, server: ScriptedServer, **options: Any) -> None:
        self.events: list[Event] = []
        self.models: ModelSource = fixed(direct_at(server.url, max_retries=0, **options))

    async def __call__(self, asked: Plan, *, policy: AccessPolicy | None = None, **options: Any) -> RunResult:
        engine = Engine(models=self.models, policy=policy or AccessPolicy())
        return await engine.run(asked, {}, on_event=self.events.append, **options)

    def said(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


async def test_the_output_is_the_reply_and_its_pieces_are_events() -> None:
    with ScriptedServer([Reply("Hello, world!", chunk_chars=5, usage=(11, 4))]) as server:
        ask = Asking(server)
        asked = plan('system: Be brief.\nprompt: "Greet {{ 1 + 1 }}"\nmax_tokens: 50\ntemperature: 0.3\nseed: 7')
        result = await ask(asked)
    assert result.output == "Hello, world!"
    assert [e.delta for e in ask.said(OutputDelta)] == ["Hello", ", wor", "ld!"]
    body = server.requests[0].body
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Greet 2"}]
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (50, 0.3, 7)
    assert result.spent == {"tokens": 15.0, "calls": 1.0, "usd": 0.0, "files": 0.0}
    assert [e.amounts for e in ask.said(CostRecorded)] == [{"tokens": 15, "calls": 1}]


async def test_a_quiet_step_shows_nothing_while_it_works() -> None:
    with ScriptedServer([Reply("Hello")]) as server:
        ask = Asking(server)
        assert (await ask(plan("prompt: Greet\nstream: false"))).output == "Hello"
    assert ask.said(OutputDelta) == []


SCHEMA = "prompt: Rate\nschema: {type: object, properties: {score: {type: integer}}, required: [score]}"


async def test_with_a_schema_the_output_is_data() -> None:
    with ScriptedServer([Reply("3 of 5"), Reply('{"score": 3}')]) as server:
        result = await Asking(server)(plan(SCHEMA))
    assert result.output == {"score": 3}
    assert result.spent["calls"] == 2
    assert "there is no JSON in it" in server.requests[1].prompt


async def test_data_that_stays_wrong_is_an_invalid_output_and_can_be_tried_again() -> None:
    script = [Reply("a"), Reply("b"), Reply('{"score": 1}')]
    with ScriptedServer(script) as server:
        result = await Asking(server)(plan(SCHEMA, more="    retry: {attempts: 2, on: [invalid_output], base_s: 0}\n"))
    assert result.output == {"score": 1}


@tools.tool
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


async def test_tools_are_called_and_then_the_schema_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "default_tools", lambda: tools.Tools([double]))
    script = [Reply("", tool_calls=(("double", '{"number": 21}'),)), Reply("It is 42."), Reply('{"score": 42}')]
    with ScriptedServer(script) as server:
        result = await Asking(server)(plan(SCHEMA + "\ntools: [double]"))
    assert result.output == {"score": 42}
    first, second, last = server.requests
    assert [t["function"]["name"] for t in first.body["tools"]] == ["double"]
    assert second.messages[-1]["content"] == "42"
    assert "response_format" not in first.body
    assert "response_format" in last.body


async def test_a_tool_that_is_not_there_is_said() -> None:
    with ScriptedServer([]) as server:
        result = await Asking(server)(plan("prompt: x\ntools: [dubble]"))
    assert "`dubble` is no tool" in str(result.error)


@pytest.mark.parametrize(
    ("step", "category"),
    [
        (Failure(500), "transient"),
        (Failure(429, retry_after_s=0), "rate_limited"),
        (Failure(401), "fatal"),
        (Failure(400, "maximum context length is 9 tokens"), "fatal"),
        (Reply("", usage=(1, 1), hang_after_chunks=0), "timeout"),
    ],
    ids=str,
)
async def test_failures_are_the_engines_own(step: Any, category: str) -> None:
    with ScriptedServer([step]) as server:
        result = await Asking(server, timeout_s=0.3)(plan("prompt: x"))
    assert result.status == "failed"
    assert getattr(result.error, "category", None) == category
    assert "openai/scripted: " in str(result.error)


async def test_what_may_pass_is_tried_again() -> None:
    with ScriptedServer([Failure(503), Failure(429), Reply("hello")]) as server:
        result = await Asking(server)(plan("prompt: x", more="    retry: {attempts: 3, base_s: 0}\n"))
    assert result.output == "hello"
    assert result.spent["tokens"] == sum(server.reported)


async def test_what_the_budget_does_not_allow_is_not_asked() -> None:
    with ScriptedServer([Reply("never")]) as server:
        result = await Asking(server)(plan("prompt: x\nmax_tokens: 500", head="budget: {tokens: 400}\n"))
        assert (result.status, server.requests) == ("stopped", [])
        priced = Asking(server, price=Price(0.0, 0.001))
        result = await priced(plan("prompt: x\nmax_tokens: 500"), budget=Budget(usd=0.4))
        assert (result.status, server.requests) == ("stopped", [])
    assert "usd" in str(result.error)


async def test_usage_that_is_unknown_stays_charged_as_it_was_reserved() -> None:
    asked = plan("prompt: x\nmax_tokens: 100", more="    retry: {attempts: 2, base_s: 0}\n")
    with ScriptedServer([Drop(), Reply("hello", usage="none")]) as server:
        result = await Asking(server)(asked)
    assert result.output == "hello"
    assert result.spent["calls"] == 2
    assert result.spent["tokens"] == 2 * (100 + 8 + 1)


async def test_an_unknown_price_is_said_where_money_is_limited() -> None:
    with ScriptedServer([Reply("hello", times=2)]) as server:
        ask = Asking(server)
        await ask(plan("prompt: x"))
        assert ask.said(LogWritten) == []
        await ask(plan("prompt: x"), budget=Budget(usd=1))
    assert "price of openai/scripted is unknown" in ask.said(LogWritten)[0].message


async def test_cancelling_the_run_closes_the_connection() -> None:
    with ScriptedServer([Hang()]) as server:
        ask = Asking(server, timeout_s=60)
        engine = Engine(models=ask.models)
        task = asyncio.create_task(engine.run(plan("prompt: x\nmax_tokens: 100"), {}))
        while not server.requests:  # noqa: ASYNC110  # it comes from another thread
            await asyncio.sleep(0.01)
        (run_id,) = engine.active
        engine.cancel(run_id)
        result = await task
        assert await asyncio.to_thread(server.requests[0].ended.wait, 2)
    assert result.status == "cancelled"
    assert server.requests[0].disconnected
    assert result.spent["tokens"] == 109


@pytest.mark.parametrize(
    ("allowed", "status"), [(None, "succeeded"), (("openai/*",), "succeeded"), (("mine/*",), "failed")]
)
async def test_the_policy_says_which_models_may_be_asked(allowed: tuple[str, ...] | None, status: str) -> None:
    with ScriptedServer([Reply("hello")]) as server:
        result = await Asking(server)(plan("prompt: x"), policy=AccessPolicy(models=allowed))
    assert result.status == status
    assert len(server.requests) == (status == "succeeded")


async def test_a_step_names_its_model() -> None:
    asked: list[str | None] = []

    async def source(name: str | None) -> Model:
        asked.append(name)
        raise ModelError("fatal", "There is none.")

    engine = Engine(models=source)
    await engine.run(plan("prompt: x\nmodel: openai/gpt-4o"), {})
    result = await engine.run(plan("prompt: x"), {})
    assert asked == ["openai/gpt-4o", None]
    assert "There is none." in str(result.error)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("model: x", "prompt"),
        ("prompt: x\nmax_tokens: 0", "greater than or equal to 1"),
        ("prompt: x\ntemperature: 3", "less than or equal to 2"),
        ("prompt: x\nmodel: scripted/x.json", "in your own settings only"),
        ("prompt: x\ncolor: red", "color"),
    ],
)
def test_what_is_wrong_is_said_before_a_run(settings: str, words: str) -> None:
    found = loads(
        "version: 1\nname: p\nsteps:\n  a:\n    type: prompt\n    with:\n" + textwrap.indent(settings, " " * 6)
    )
    assert words in " ".join(f.message for f in found.findings)


async def test_a_schema_that_is_none_is_said() -> None:
    with ScriptedServer([]) as server:
        result = await Asking(server)(plan("prompt: x\nschema: {type: objekt}"))
    assert "`schema` is not valid" in str(result.error)
