"""Only people answer, only what was asked, and only in their own name."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.definitions import Registry, StepType, loads
from codefactory.pipelines.definitions.steps import BUILT_IN
from codefactory.pipelines.definitions.steps.set import SetConfig
from codefactory.pipelines.engine import Context, Engine, Graph, NotAllowedError, ResumeError
from codefactory.pipelines.principal import Principal, local_principal
from codefactory.pipelines.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


def asking(**options: Any) -> Any:
    async def ask(ctx: Context) -> str:
        return await ctx.ask("Deploy?", ["yes", "no"], **options)

    return Graph("g").add_node("ask", ask).compile()


async def still_waits(store: Store, plan: Any, run_id: str) -> bool:
    return (await Engine(store).resume(run_id, plan, wait=False)).status == "waiting"


@pytest.mark.hostile("approval-self-answer", "a function step answers the question of its own run")
async def test_a_step_that_answers_its_own_run(store: Store) -> None:
    tried: list[str] = []

    async def ask(ctx: Context) -> str:
        return await ctx.ask("Deploy?", ["yes", "no"])

    async def answer(ctx: Context) -> None:
        engine = ctx.scope.run.engine
        while not engine.questions(ctx.run_id):  # noqa: ASYNC110 nothing to wait for
            await asyncio.sleep(0.001)
        for attempt in (
            lambda: engine.answer(ctx.run_id, "ask", "yes", "ada"),
            lambda: engine.answer(ctx.run_id, "ask", "yes", Principal("ada", "admin")),
        ):
            try:
                attempt()
            except NotAllowedError as error:
                tried.append(str(error))
        try:
            await store.answer(ctx.run_id, None, "yes", "ada")
        except NotAllowedError as error:
            tried.append(str(error))

    plan = Graph("g").add_node("ask", ask).add_node("answer", answer).compile()
    result = await Engine(store).run(plan, wait=False)
    assert result.status == "waiting"
    assert [" may not answer: only people may" in t for t in tried] == [True] * 3


@pytest.mark.hostile("approval-self-answer-thread", "a function in a thread answers the question of its own run")
async def test_a_thread_of_a_step(store: Store) -> None:
    tried: list[str] = []

    def answer(ctx: Context) -> None:
        try:
            ctx.scope.run.engine.answer(ctx.run_id, "ask", "yes", "ada")
        except NotAllowedError as error:
            tried.append(str(error))

    await Engine(store).run(Graph("g").add_node("answer", answer).compile(), wait=False)
    assert "may not answer: only people may" in tried[0]


async def answer_outer(_config: SetConfig, ctx: Context) -> str:
    try:
        ctx.scope.run.engine.answer(ctx.run_id, "ask", "yes", "ada")
    except NotAllowedError as error:
        return str(error)
    return "answered"


@pytest.mark.hostile("approval-nested-answer", "a nested pipeline answers the question of the one around it")
async def test_a_nested_pipeline(store: Store) -> None:
    text = """
version: 1
name: p
steps:
  ask: {type: approval, with: {question: Deploy?}}
  inner:
    type: pipeline
    with:
      definition: {version: 1, name: q, steps: {a: {type: answer, with: {value: 1}}}}
"""
    registry = Registry((*BUILT_IN, StepType("answer", SetConfig, answer_outer, "Tries to answer.")))
    result = await Engine(store).run(loads(text, registry=registry).unwrap(), wait=False, run_id="r")
    assert result.status == "waiting"
    row = store.query(lambda c: c.execute("select output from step where path='inner/a'").fetchone())
    assert b"only people may" in row[0]


@pytest.mark.hostile("approval-command-line", "sandboxed code answers by the command line, on the same store")
async def test_the_command_line_without_the_users_own_folder(store: Store, tmp_path: Path) -> None:
    plan = asking()
    waiting = await Engine(store).run(plan, wait=False)
    # The sandbox shows code no folder of the user's own; here it gets an empty one.
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "sandbox"), "XDG_CONFIG_HOME": str(tmp_path / "none")}
    program = [sys.executable, "-c", "from codefactory.server.cli import main; main()"]
    arguments = ["runs", "answer", waiting.run_id, "yes", "--store", str(store.place.database.parent)]
    done = await asyncio.to_thread(
        subprocess.run, [*program, *arguments], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 2
    assert "was not put on this machine by you" in done.stderr
    assert await still_waits(store, plan, waiting.run_id)


@pytest.mark.hostile("approval-forged-row", "an answer is written into the store's database")
async def test_a_row_in_the_database(store: Store) -> None:
    plan = asking(who=["ada"])
    waiting = await Engine(store).run(plan, wait=False)
    for proof in ("null", "''", "'00'", "proof"):
        connection = sqlite3.connect(store.place.database)
        connection.execute(f"update question set choice='yes', who='ada', answered_at=asked_at+1, proof={proof}")
        connection.commit()
        connection.close()
        seen: list[Any] = []
        result = await Engine(store).resume(waiting.run_id, plan, wait=False, on_event=seen.append)
        assert result.status == "waiting"
        assert any("did not come from a person" in e.message for e in seen if e.kind == "log_written")


@pytest.mark.hostile("approval-changed-row", "an answer that a person gave is changed in the store's database")
async def test_a_changed_row(store: Store) -> None:
    plan = asking()
    waiting = await Engine(store).run(plan, wait=False)
    await store.answer(waiting.run_id, None, "no", "ada")
    connection = sqlite3.connect(store.place.database)
    connection.execute("update question set choice='yes'")
    connection.commit()
    connection.close()
    assert await still_waits(store, plan, waiting.run_id)


@pytest.mark.hostile("approval-replay", "the answer to one run is copied to another run that asks the same")
async def test_an_answer_to_another_run(store: Store) -> None:
    plan = asking()
    first = await Engine(store).run(plan, wait=False)
    await store.answer(first.run_id, None, "yes", "ada")
    second = await Engine(store).run(plan, wait=False)
    connection = sqlite3.connect(store.place.database)
    connection.execute(
        "update question set (choice, who, answered_at, proof) = "
        "(select choice, who, answered_at, proof from question where choice is not null) where choice is null"
    )
    connection.commit()
    connection.close()
    assert await still_waits(store, plan, second.run_id)


@pytest.mark.hostile("approval-stale-wording", "the question is changed after it was answered")
async def test_an_answer_to_another_question(store: Store) -> None:
    wording = ["Delete the test data?"]

    async def reworded(ctx: Context) -> str:
        return await ctx.ask(wording[0], ["yes", "no"])

    plan = Graph("g").add_node("ask", reworded).compile()
    waiting = await Engine(store).run(plan, wait=False)
    await store.answer(waiting.run_id, None, "yes", "ada")
    wording[0] = "Delete all data?"
    assert await still_waits(store, plan, waiting.run_id)


@pytest.mark.hostile("approval-other-attempt", "an answer to an earlier attempt at the step")
async def test_an_answer_to_an_earlier_attempt(store: Store) -> None:
    key = (await Engine(store).run(asking(), wait=False)).run_id
    kept = await store.find_run(key)
    await store.answer(key, None, "yes", "ada")
    from codefactory.pipelines.store.writer import RunKey

    run = RunKey(kept.n)
    text = "Deploy?\nyes\nno"
    assert await store.find_answer(run, "ask", text) is not None
    await store.ask(run, "ask", text, [], again=True)
    assert await store.find_answer(run, "ask", text) is None


@pytest.mark.hostile("approval-late", "an answer after the deadline")
async def test_an_answer_after_the_deadline(store: Store) -> None:
    plan = asking(deadline_s=0.01)
    waiting = await Engine(store).run(plan, wait=False)
    connection = sqlite3.connect(store.place.database)
    connection.execute("update question set asked_at=1, deadline=2")
    connection.commit()
    connection.close()
    with pytest.raises(ResumeError, match="the time to answer `ask` is over"):
        await store.answer(waiting.run_id, None, "yes", "ada")


@pytest.mark.hostile("approval-no-choice", "an answer that is none of the choices, or a line of the question")
async def test_an_answer_that_is_no_choice(store: Store) -> None:
    async def ask(ctx: Context) -> str:
        return await ctx.ask("Deploy?\nforce\nNow?", ["yes", "no"])

    plan = Graph("g").add_node("ask", ask).compile()
    waiting = await Engine(store).run(plan, wait=False)
    for choice in ("maybe", "force", "YES", "", "yes\n"):
        with pytest.raises(ResumeError, match="is none of the choices: yes, no"):
            await store.answer(waiting.run_id, None, choice, "ada")


@pytest.mark.hostile("approval-wrong-person", "somebody answers who was not asked")
async def test_somebody_else_answers(store: Store) -> None:
    plan = asking(who=["ada"])
    waiting = await Engine(store).run(plan, wait=False)
    for who in ("bob", "Ada", "ada ", Principal("bob", "admin")):
        with pytest.raises(NotAllowedError, match="may not answer this; ada may"):
            await store.answer(waiting.run_id, None, "yes", who)


@pytest.mark.hostile("approval-viewer", "somebody answers who may only look")
async def test_a_viewer_answers(store: Store) -> None:
    waiting = await Engine(store).run(asking(), wait=False)
    with pytest.raises(NotAllowedError, match="ada has the role viewer and may not answer"):
        await store.answer(waiting.run_id, None, "yes", Principal("ada", "viewer"))


@pytest.mark.hostile("approval-forged-name", "somebody takes another name by USER, LOGNAME or an option")
def test_a_name_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from codefactory.server.cli.runs import command

    for variable in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "ada-the-boss")
    local_principal.cache_clear()
    assert local_principal().name != "ada-the-boss"
    assert "No such option" in CliRunner().invoke(command, ["answer", "r", "yes", "--who", "ada-the-boss"]).output


@pytest.mark.hostile("approval-fork", "a run is forked to take over an approval of the other")
async def test_a_fork_asks_again(store: Store) -> None:
    plan = asking()
    waiting = await Engine(store).run(plan, wait=False)
    await store.answer(waiting.run_id, None, "yes", "ada")
    forked = await Engine(store).fork(waiting.run_id, plan=plan, wait=False)
    assert forked.status == "waiting"


@pytest.mark.hostile("role-kept", "a role is written into the store, and believed")
async def test_a_role_in_the_store_is_not_believed(store: Store) -> None:
    plan = asking()
    waiting = await Engine(store).run(plan, wait=False, principal=Principal("ada", "runner"))
    connection = sqlite3.connect(store.place.database)
    connection.execute('update run set principal=\'{"name":"ada","role":"admin"}\'')
    connection.commit()
    connection.close()
    ada = Principal("ada", "runner")
    with pytest.raises(NotAllowedError, match="ada has the role runner and may not edit"):
        await Engine(store).fork(waiting.run_id, plan=plan, edit={"ask": "yes"}, principal=ada)


@pytest.mark.hostile("role-others-run", "a runner resumes, cancels or answers for what is not theirs")
async def test_a_runner_reaches_for_the_run_of_another(store: Store) -> None:
    plan = asking()
    waiting = await Engine(store).run(plan, wait=False, principal=Principal("ada", "runner"))
    with pytest.raises(NotAllowedError, match="may not resume a run of ada"):
        await Engine(store).resume(waiting.run_id, plan, principal=Principal("bob", "runner"))
    engine = Engine(store)
    running = asyncio.ensure_future(engine.resume(waiting.run_id, plan, principal=Principal("ada", "runner")))
    while not engine.active:  # noqa: ASYNC110 nothing to wait for
        await asyncio.sleep(0.005)
    with pytest.raises(NotAllowedError, match="may not cancel a run of ada"):
        engine.cancel(waiting.run_id, principal=Principal("bob", "runner"))
    engine.cancel(waiting.run_id, principal=Principal("ada", "runner"))
    assert (await running).status == "cancelled"


@pytest.mark.hostile("role-viewer-starts", "somebody starts, forks or edits who may only look")
async def test_a_viewer_does_more_than_look(store: Store) -> None:
    plan, eve = asking(), Principal("eve", "viewer")
    waiting = await Engine(store).run(plan, wait=False)
    engine = Engine(store)
    with pytest.raises(NotAllowedError, match="may not start"):
        await engine.run(plan, principal=eve)
    with pytest.raises(NotAllowedError, match="may not fork"):
        await engine.fork(waiting.run_id, plan=plan, principal=eve)
    with pytest.raises(NotAllowedError, match="may not start"):
        async for _event in engine.stream(plan, principal=eve):
            pass


APPROVING = """
version: 1
name: p
steps:
  first: {type: set, with: {value: 1}}
  ask: {type: approval, needs: [first], with: {question: Deploy?}}
  deploy: {type: set, with: {value: "deployed: {{ steps.ask.output }}"}}
"""


@pytest.mark.hostile("approval-forged-output", "an approval's output is written into the store as if it had ended")
async def test_an_output_in_the_database(store: Store) -> None:
    plan = loads(APPROVING).unwrap()
    waiting = await Engine(store).run(plan, wait=False)
    connection = sqlite3.connect(store.place.database)
    connection.execute("insert into step values (1,'ask',null,?,null,null,1,1,1,99,1,0,null)", (b'"yes"',))
    connection.execute("insert into receipt values (1,'ask',?,?)", ("\0approval", b'"00"'))
    connection.commit()
    connection.close()
    seen: list[Any] = []
    result = await Engine(store).resume(waiting.run_id, plan, wait=False, on_event=seen.append)
    assert result.status == "waiting"
    assert any("it is asked again" in e.message for e in seen if e.kind == "log_written")


@pytest.mark.hostile("approval-copied-output", "an approval that one run has is copied to another")
async def test_an_output_of_another_run(store: Store) -> None:
    plan = loads(APPROVING).unwrap()
    first = await Engine(store).run(plan, wait=False)
    await store.answer(first.run_id, None, "yes", "ada")
    assert (await Engine(store).resume(first.run_id, plan)).outputs == {"deploy": "deployed: yes"}
    second = await Engine(store).run(plan, wait=False)
    connection = sqlite3.connect(store.place.database)
    for table in ("step", "receipt"):
        names = [row[1] for row in connection.execute(f"pragma table_info({table})")][1:]
        connection.execute(f"insert into {table} select 2, {', '.join(names)} from {table} where run=1 and path='ask'")
    connection.commit()
    connection.close()
    assert await still_waits(store, plan, second.run_id)
    forked = await Engine(store).fork(first.run_id, plan=plan, wait=False)
    assert forked.outputs == {"deploy": "deployed: yes"}


@pytest.mark.hostile("approval-edited", "a run is forked with another output for its approval")
async def test_an_edited_output(store: Store) -> None:
    plan = loads(APPROVING).unwrap()
    waiting = await Engine(store).run(plan, wait=False)
    with pytest.raises(NotAllowedError, match="`ask` is an approval: it can be answered, not edited"):
        await Engine(store).fork(waiting.run_id, plan=plan, edit={"ask": "yes"}, wait=False)


@pytest.mark.hostile("approval-cached", "an approval that is cached would count for other runs")
def test_a_cached_approval() -> None:
    loaded = loads(APPROVING.replace("needs: [first]", "needs: [first], cache: {}"))
    assert [f.message for f in loaded.findings] == ["an answer is not kept for other runs."]
