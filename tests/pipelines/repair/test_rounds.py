"""Repairs with a model: a scripted server over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from scripted_server import Failure, Hang, Reply, ScriptedServer

from codefactory.analyzers import Analyzers, Options, Snapshot
from codefactory.analyzers.ruff import RuffOptions
from codefactory.pipelines.budget import Budget, Ledger
from codefactory.pipelines.models import LiteLLMModel
from codefactory.pipelines.proposal import Proposal, Refusal
from codefactory.pipelines.repair import repair

OPTIONS = Options(ruff=RuffOptions(arguments=("--isolated", "--select", "F")))
SOURCE = """\
import json


def run(code, data):
    exec(code)
    return json.loads(data)


def load(data):
    return eval(data + "")
"""


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


SILENCED = block("    exec(code)", "    exec(code)  # nosec")
DELETED = block("    exec(code)\n", "")
HONEST_EXEC = block("    exec(code)", "    TASKS[code]()") + block("import json", "import json\n\nTASKS = {}")
HONEST_EVAL = block('    return eval(data + "")', "    return json.loads(data)")


async def run_repair(
    analyzers: Analyzers,
    server: ScriptedServer,
    budget: Budget | None = None,
    ledger: Ledger | None = None,
    options: Options = OPTIONS,
) -> Proposal | Refusal:
    async def no_sleep(_: float) -> None:
        return None

    model = LiteLLMModel("openai/scripted", api_base=server.url, api_key="test-key", sleep=no_sleep, timeout_s=5)
    snapshot = Snapshot("file:///nowhere/app.py", SOURCE, "python", 3)
    return await repair(
        snapshot, analyzers, options=options, model=model, budget=budget or Budget(max_rounds=4), ledger=ledger
    )


def wait_for_request(server: ScriptedServer) -> None:
    while not server.requests:
        time.sleep(0.02)


async def test_a_refused_reply_comes_back_as_feedback_and_the_next_is_accepted(analyzers: Analyzers) -> None:
    with ScriptedServer([Reply(SILENCED), Reply(HONEST_EXEC + HONEST_EVAL)]) as server:
        result = await run_repair(analyzers, server)
    assert isinstance(result, Proposal), result
    assert "exec(" not in result.after
    assert "eval(" not in result.after
    first, second = result.evidence.rounds
    assert first.verdict is not None
    assert [r.code for r in first.verdict.reasons if r.code == "silenced"] == ["silenced"]
    assert second.verdict is not None
    assert second.verdict.accepted
    assert result.origin == "model"
    assert "nosec" in server.requests[1].prompt
    assert first.verdict.reasons[0].message in server.requests[1].prompt


@pytest.mark.parametrize("reply", [SILENCED, DELETED])
async def test_what_the_gate_refuses_is_never_proposed(analyzers: Analyzers, reply: str) -> None:
    with ScriptedServer([Reply(reply, times=None)]) as server:
        result = await run_repair(analyzers, server)
    assert isinstance(result, Refusal)
    assert "gate" in result.reason
    assert {f.code for f in result.remaining} == {"B102", "B307"}
    assert len(server.requests) == 2  # the second reply was the first again


async def test_a_name_that_does_not_exist_is_refused_whatever_the_project_checks(analyzers: Analyzers) -> None:
    options = Options(ruff=RuffOptions(arguments=("--isolated", "--select", "E7")))
    reply = block('    return eval(data + "")', "    return ast.literal_eval(data)")
    with ScriptedServer([Reply(reply), Reply(HONEST_EVAL)]) as server:
        result = await run_repair(analyzers, server, Budget(max_rounds=2), options=options)
    assert isinstance(result, Proposal)
    assert "literal_eval" not in result.after
    assert "`ast`" in server.requests[1].prompt


async def test_the_good_part_of_a_reply_is_kept(analyzers: Analyzers) -> None:
    with ScriptedServer([Reply(SILENCED + HONEST_EVAL), Reply("I give up."), Reply("Really.")]) as server:
        result = await run_repair(analyzers, server, Budget(max_rounds=3))
    assert isinstance(result, Proposal)
    assert "eval(" not in result.after
    assert "nosec" not in result.after
    assert [f.code for f in result.evidence.verdict.delta.remaining] == ["B102"]


async def test_partial_success_names_what_remains(analyzers: Analyzers) -> None:
    with ScriptedServer([Reply(HONEST_EVAL), Reply(SILENCED), Reply(DELETED)]) as server:
        result = await run_repair(analyzers, server, Budget(max_rounds=3))
    assert isinstance(result, Proposal)
    assert [f.code for f in result.evidence.verdict.delta.remaining] == ["B102"]
    assert [r.verdict.accepted if r.verdict else None for r in result.evidence.rounds] == [True, False, False]


async def test_a_reply_that_does_not_apply_is_feedback(analyzers: Analyzers) -> None:
    with ScriptedServer([Reply(block("no such line", "x")), Reply(HONEST_EXEC + HONEST_EVAL)]) as server:
        result = await run_repair(analyzers, server)
    assert isinstance(result, Proposal)
    assert result.evidence.rounds[0].verdict is None
    assert "not in the file" in (result.evidence.rounds[0].problem or "")
    assert "not in the file" in server.requests[1].prompt


async def test_rounds_are_bounded(analyzers: Analyzers) -> None:
    with ScriptedServer([Reply(f"No. {n}") for n in range(9)]) as server:
        result = await run_repair(analyzers, server, Budget(max_rounds=3))
    assert isinstance(result, Refusal)
    assert len(server.requests) == 3
    assert "codefactory.budget.maxRounds" in result.reason


async def test_tokens_are_bounded(analyzers: Analyzers) -> None:
    with ScriptedServer([Reply(f"No. {n}", usage=(3000, 500)) for n in range(9)]) as server:
        result = await run_repair(analyzers, server, Budget(max_rounds=9, max_tokens=6_500))
    assert isinstance(result, Refusal)
    assert "codefactory.budget.maxTokens" in result.reason
    assert 1 <= len(server.requests) <= 2


async def test_a_model_that_fails_costs_nothing_of_what_the_fixers_did(analyzers: Analyzers) -> None:
    with ScriptedServer([Failure(401, message="bad key")]) as server:
        result = await run_repair(analyzers, server)
    assert isinstance(result, Refusal)
    assert "test-key" not in repr(result)
    assert result.rounds[0].problem is not None
    with ScriptedServer([Failure(429, retry_after_s=0), Failure(503), Reply(HONEST_EVAL), Reply("-")]) as server:
        result = await run_repair(analyzers, server, Budget(max_rounds=2))
    assert isinstance(result, Proposal)


async def test_the_ledger_holds_what_the_provider_reported(analyzers: Analyzers) -> None:
    ledger = Ledger()
    with ScriptedServer([Reply(SILENCED), Reply(HONEST_EXEC + HONEST_EVAL)]) as server:
        result = await run_repair(analyzers, server, ledger=ledger)
    reported = [r.reported for r in server.requests]
    assert [(e.usage.input_tokens, e.usage.output_tokens) for e in ledger.entries] == reported
    assert isinstance(result, Proposal)
    assert [(r.usage.input_tokens, r.usage.output_tokens) for r in result.evidence.rounds] == reported


async def test_cancelling_closes_the_stream(analyzers: Analyzers) -> None:
    with ScriptedServer([Hang()]) as server:
        task = asyncio.create_task(run_repair(analyzers, server))
        await asyncio.to_thread(wait_for_request, server)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
        assert task.cancelled()
        assert await asyncio.to_thread(server.requests[0].ended.wait, 5)
        assert server.requests[0].disconnected


async def test_the_event_loop_is_not_blocked(analyzers: Analyzers) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            longest = max(longest, loop.time() - before)

    with ScriptedServer([Reply(SILENCED), Reply(HONEST_EXEC + HONEST_EVAL)]) as server:
        await run_repair(analyzers, server)  # litellm's import holds the GIL now and then
        watching = asyncio.create_task(watch())
    with ScriptedServer([Reply(SILENCED, delay_s=0.01), Reply(HONEST_EXEC + HONEST_EVAL)]) as server:
        await run_repair(analyzers, server)
    watching.cancel()
    assert longest < 0.25
