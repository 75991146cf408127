"""Runs in a store: resume, fork, receipts, answers, and what happens to the file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from codefactory.pipelines.engine import Budget, Context, Engine, Graph, NotAllowedError, Plan, ResumeError, append
from codefactory.pipelines.engine.events import event_from_json
from codefactory.pipelines.store import Store, StoreError, database, queries, replay, retention

ROOT = Path(__file__).parents[3]


class Script:
    """Steps that note when their bodies run, and one that fails while `broken` is set."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken = True

    def plan(self) -> Plan:
        async def one(x: int) -> int:
            self.ran.append("one")
            return x + 1

        async def each(item: int) -> int:
            self.ran.append(f"each{item}")
            if self.broken and item == 2:
                raise ValueError("broken")
            return item * 10

        async def last(each: list[int], one: int) -> int:
            self.ran.append("last")
            return sum(each) + one

        return (
            Graph("script")
            .add_node("one", one)
            .add_node("items", lambda one: list(range(one)), inline=True)
            .add_map("each", each, over="items", limit=1)
            .add_node("last", last)
            .compile()
        )


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(tmp_path / "store") as opened:
        yield opened


@pytest.mark.parametrize("durability", ["full", "normal", "none"])
async def test_a_resumed_run_repeats_nothing_that_is_finished(store: Store, durability: Any) -> None:
    script, engine = Script(), Engine(store)
    first = await engine.run(script.plan(), {"x": 3}, durability=durability)
    assert (first.status, script.ran) == ("failed", ["one", "each0", "each1", "each2"])
    script.ran, script.broken = [], False
    second = await engine.resume(first.run_id, script.plan())
    assert (second.outputs, script.ran) == ({"last": 64}, ["each2", "each3", "last"])
    with pytest.raises(ResumeError, match="has succeeded; fork it"):
        await engine.resume(first.run_id, script.plan())


async def test_a_fork_runs_again_what_comes_after(store: Store) -> None:
    script, engine = Script(), Engine(store)
    script.broken = False
    plan = script.plan()
    done = await engine.run(plan, {"x": 1})
    script.ran = []
    again = await engine.fork(done.run_id, at="items", plan=plan)
    assert (again.outputs, script.ran) == ({"last": 12}, ["each0", "each1", "last"])
    script.ran = []
    edited = await engine.fork(done.run_id, edit={"each": [100]}, plan=plan)
    assert (edited.outputs, script.ran) == ({"last": 102}, ["last"])
    assert edited.run_id != done.run_id
    assert (await store.find_run(edited.run_id)).parent == done.run_id
    with pytest.raises(ResumeError, match="`eech` is no step of `script`; did you mean `each`"):
        await engine.fork(done.run_id, at="eech", plan=plan)


async def test_a_run_keeps_to_the_version_that_made_it(store: Store) -> None:
    script, engine = Script(), Engine(store)
    failed = await engine.run(script.plan(), {"x": 3})
    other = Graph("script").add_node("one", lambda x: x, inline=True).compile()
    with pytest.raises(ResumeError, match="fork the run to go on with another version"):
        await engine.resume(failed.run_id, other)
    with pytest.raises(ResumeError, match="was built in Python: give it"):
        await engine.resume(failed.run_id)


async def test_an_effect_with_a_receipt_is_not_repeated(store: Store) -> None:
    sent: list[str] = []
    broken = [True]

    async def body(ctx: Context) -> str:
        first = await ctx.once("mail", lambda: sent.append("mail") or "id-1")
        if broken[0]:
            raise ConnectionError("after the mail")
        return first

    plan = Graph().add_node("a", body).compile()
    engine = Engine(store)
    failed = await engine.run(plan)
    broken[0] = False
    assert (await engine.resume(failed.run_id, plan)).output == "id-1"
    assert sent == ["mail"]


async def test_channel_writes_are_restored(store: Store) -> None:
    broken = [True]

    async def say(ctx: Context) -> None:
        ctx.write("log", "said")

    async def read(ctx: Context) -> list[str]:
        if broken[0]:
            raise ValueError("broken")
        return ctx.read("log")

    graph = Graph().add_channel("log", append, []).add_node("say", say).add_node("read", read).add_edge("say", "read")
    engine = Engine(store)
    failed = await engine.run(graph.compile())
    broken[0] = False
    assert (await engine.resume(failed.run_id, graph.compile())).outputs == {"read": ["said"]}


@dataclass
class Point:
    x: int
    y: int


async def test_typed_outputs_come_back_as_what_they_were(store: Store) -> None:
    broken = [True]

    async def make() -> Point:
        return Point(1, 2)

    async def use(make: Point) -> int:
        if broken[0]:
            raise ValueError("broken")
        return make.x + make.y

    plan = Graph().add_node("make", make).add_node("use", use).compile()
    engine = Engine(store)
    failed = await engine.run(plan)
    broken[0] = False
    assert (await engine.resume(failed.run_id, plan)).output == 3


async def test_what_has_no_json_form_is_named(store: Store) -> None:
    async def body() -> Any:
        return {"items": [1, object()]}

    result = await Engine(store).run(Graph().add_node("a", body).compile())
    assert "`a` gave a object at $.items[1], which has no JSON form" in str(result.error)


async def test_large_results_are_files_and_damage_is_noticed(store: Store) -> None:
    script = Script()
    text = "x" * 100_000
    broken = [True]

    async def big() -> str:
        return text

    async def use(big: str) -> int:
        if broken[0]:
            raise ValueError("broken")
        return len(big)

    plan = Graph().add_node("big", big).add_node("use", use).compile()
    engine = Engine(store)
    failed = await engine.run(plan)
    files = [path for _, path in store.blobs.names()]
    assert [f.stat().st_size for f in files] == [100_002]
    broken[0] = False
    assert (await engine.resume(failed.run_id, plan)).output == 100_000
    broken[0] = True
    other = await engine.run(plan)
    files[0].write_text("other")
    with pytest.raises(StoreError, match="is damaged; run the step again"):
        await engine.resume(other.run_id, plan)
    assert script.ran == []


async def ask(ctx: Context) -> str:
    return await ctx.ask("Deploy?", ["yes", "no"])


async def shout(ask: str) -> str:
    return ask.upper()


ASKING = Graph("asking").add_node("ask", ask).add_node("shout", shout).compile()


def alive(folder: Path) -> Any:
    """A process that has begun run `alive` and waits for an answer."""
    if (pid := os.fork()) == 0:

        async def work() -> None:
            with Store(folder) as store:
                await Engine(store).run(ASKING, run_id="alive")

        try:
            asyncio.run(work())
        finally:
            os._exit(1)
    return pid


async def test_an_answer_may_come_days_later_from_another_process(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        waiting = await Engine(store).run(ASKING, wait=False)
    assert waiting.status == "waiting"
    with Store(tmp_path) as other:
        with pytest.raises(ResumeError, match="`maybe` is none of the choices: yes, no"):
            await other.answer(waiting.run_id, None, "maybe", "ada")
        assert (await Engine(other).resume(waiting.run_id, ASKING, wait=False)).status == "waiting"
        assert await other.answer(waiting.run_id, None, "yes", "ada") == "ask"
        assert (await Engine(other).resume(waiting.run_id, ASKING)).output == "YES"
        forked = await Engine(other).fork(waiting.run_id, plan=ASKING, edit={}, wait=False)
        assert forked.output == "YES"  # the step itself had finished
        fresh = await Engine(other).run(ASKING, wait=False)
        assert fresh.status == "waiting"


async def test_only_who_was_asked_may_answer(store: Store) -> None:
    async def body(ctx: Context) -> str:
        return await ctx.ask("Deploy?", ["yes", "no"], who=["ada"])

    engine = Engine(store)
    plan = Graph().add_node("a", body).compile()
    waiting = await engine.run(plan, wait=False)
    with pytest.raises(NotAllowedError, match="bob may not answer this; ada may"):
        await store.answer(waiting.run_id, "a", "yes", "bob")
    running = asyncio.ensure_future(engine.resume(waiting.run_id, plan))
    while not engine.questions(waiting.run_id):  # noqa: ASYNC110 nothing to wait for
        await asyncio.sleep(0.005)
    with pytest.raises(NotAllowedError, match="bob may not answer this; ada may"):
        engine.answer(waiting.run_id, "a", "yes", "bob")
    engine.answer(waiting.run_id, "a", "no", "ada")
    assert (await running).output == "no"


async def test_a_waiting_run_is_answered_while_it_waits(store: Store) -> None:
    engine = Engine(store)
    running = asyncio.ensure_future(engine.run(ASKING, run_id="r1"))
    while not engine.questions("r1"):  # noqa: ASYNC110 nothing to wait for
        await asyncio.sleep(0.005)
    assert engine.answer("r1", "ask", "no", "ada")
    assert (await running).output == "NO"


@pytest.mark.parametrize(("default", "status"), [("no", "succeeded"), (None, "failed")])
async def test_after_the_deadline_the_default_counts(store: Store, default: str | None, status: str) -> None:
    async def body(ctx: Context) -> str:
        return await ctx.ask("?", ["yes", "no"], deadline_s=0.02, default=default)

    result = await Engine(store).run(Graph().add_node("a", body).compile())
    assert result.status == status


async def test_events_are_replayed_as_they_were(store: Store) -> None:
    script = Script()
    seen: list[Any] = []
    result = await Engine(store).run(script.plan(), {"x": 3}, on_event=seen.append)
    await store.writer.committed()
    kept = await store.find_run(result.run_id)
    replayed = store.query(partial(replay.events, kept=kept))
    by_seq = {e.seq: e for e in seen}
    assert [e.kind for e in replayed][-2:] == ["step_failed", "run_finished"]
    for event in replayed:
        assert event_from_json(event.to_json()) == event
        if event.kind == "step_finished":
            assert (event.step, event.attempts) == (by_seq[event.seq].step, by_seq[event.seq].attempts)


async def test_a_run_that_is_alive_cannot_be_resumed(tmp_path: Path) -> None:
    """Nor one whose process is alive; but one whose process is dead."""
    pid = await asyncio.to_thread(alive, tmp_path)
    try:
        with Store(tmp_path) as store:
            while not (runs := store.query(queries.list_runs)) or not asked(store, runs[0].n):  # noqa: ASYNC110 another process
                await asyncio.sleep(0.01)
            with pytest.raises(ResumeError, match=f"is under way in process {pid}"):
                await Engine(store).resume("alive", ASKING)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)  # noqa: ASYNC222 it is dead
            assert (await store.find_run("alive")).interrupted
            assert (await Engine(store).resume("alive", ASKING, wait=False)).status == "waiting"
    finally:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def asked(store: Store, n: int) -> list[Any]:
    return store.query(partial(queries.open_questions, n=n))


async def test_two_stores_on_one_folder(tmp_path: Path) -> None:
    script = Script()
    script.broken = False
    with Store(tmp_path) as a, Store(tmp_path) as b:
        results = await asyncio.gather(*(Engine(s).run(script.plan(), {"x": 2}) for s in (a, b) * 10))
        assert {r.status for r in results} == {"succeeded"}
        assert len(b.query(queries.list_runs)) == 20


def test_processes_share_a_store(tmp_path: Path) -> None:
    """Four processes at once, each with twenty runs."""
    script = Script()
    script.broken = False

    async def work() -> bool:
        with Store(tmp_path) as store:
            results = await asyncio.gather(*(Engine(store).run(script.plan(), {"x": 2}) for _ in range(20)))
            return all(r.status == "succeeded" for r in results)

    pids: list[int] = []
    for _ in range(4):
        if (pid := os.fork()) == 0:
            try:
                os._exit(0 if asyncio.run(work()) else 1)
            finally:
                os._exit(2)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    assert retention.check(tmp_path) is None
    with Store(tmp_path) as store:
        runs = store.query(partial(queries.list_runs, limit=100))
        assert [r.status for r in runs] == ["succeeded"] * 80
        assert store.query(lambda c: c.execute("select count(*) from step").fetchone()) == (80 * 7,)


async def test_an_id_that_is_taken_harms_nobody_else(store: Store) -> None:
    engine = Engine(store)
    await engine.run(ASKING, run_id="mine", wait=False)
    script = Script()
    script.broken = False
    taken, other = await asyncio.gather(
        engine.run(ASKING, run_id="mine", wait=False), engine.run(script.plan(), {"x": 1}), return_exceptions=True
    )
    assert "there is a run `mine` already" in str(taken)
    assert not isinstance(other, BaseException)
    assert other.status == "succeeded"


async def test_what_was_spent_counts_after_a_resume(store: Store) -> None:
    async def spend(ctx: Context) -> None:
        with ctx.reserve(usd=0.6) as reservation:
            reservation.settle(usd=0.6)

    async def again(ctx: Context, spend: None) -> None:
        with ctx.reserve(usd=0.6):
            pass

    plan = Graph().add_node("spend", spend).add_node("again", again).compile()
    engine = Engine(store)
    stopped = await engine.run(plan, budget=Budget(usd=1))
    assert (stopped.status, stopped.spent["usd"]) == ("stopped", 0.6)
    assert (await engine.resume(stopped.run_id, plan, budget=Budget(usd=1))).status == "stopped"
    done = await engine.resume(stopped.run_id, plan, budget=Budget(usd=2))
    assert (done.status, done.spent["usd"]) == ("succeeded", 1.2)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "page"])
async def test_a_damaged_store_is_set_aside_and_never_overwritten(tmp_path: Path, damage: str) -> None:
    script = Script()
    script.broken = False
    with Store(tmp_path) as store:
        for _ in range(20):
            await Engine(store).run(script.plan(), {"x": 3})
    path = tmp_path / "runs.db"
    data = path.read_bytes()
    broken = {
        "garbage": b"not a database" * 100,
        "truncated": data[:5000],
        "page": data[:4096] + bytes(len(data) - 4096),
    }
    path.write_bytes(broken[damage])
    path.with_name("runs.db-wal").write_bytes(b"")
    with Store(tmp_path) as store:
        assert store.set_aside is not None
        assert store.set_aside.read_bytes() == broken[damage]
        assert (await Engine(store).run(script.plan(), {"x": 1})).status == "succeeded"


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / "runs.db")
    connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="use the newer Code Factory"):
        Store(tmp_path)


@pytest.mark.parametrize("version", range(1, len(database.MIGRATIONS)))
async def test_older_schemas_are_migrated(tmp_path: Path, version: int) -> None:
    connection = sqlite3.connect(tmp_path / "runs.db")
    for script in database.MIGRATIONS[:version]:
        connection.executescript(script)
    connection.execute(f"pragma user_version = {version}")
    connection.execute(
        "insert into run (id, pipeline, version, inputs, status, created_at, updated_at) "
        "values ('old','p','v',x'7b7d','succeeded',1,1)"
    )
    connection.commit()
    connection.close()
    with Store(tmp_path) as store:
        assert (await store.find_run("old")).pipeline == "p"
        assert await store.cache_get("k") is None


async def test_prune_keeps_what_is_asked_for_and_gives_space_back(tmp_path: Path) -> None:
    async def big(x: int) -> str:
        return str(x) * 20_000

    plan = Graph("p").add_node("big", big).compile()
    with Store(tmp_path) as store:
        engine = Engine(store)
        ids = [(await engine.run(plan, {"x": x})).run_id for x in range(10)]
        waiting = await engine.run(ASKING, wait=False)
        pruned = await retention.prune(store, retention.Retention(max_runs=3))
        kept = [r.id for r in store.query(queries.list_runs)]
        assert kept == [waiting.run_id, ids[9], ids[8]]
        assert (pruned.runs, pruned.bytes > 100_000) == (8, True)
        await retention.prune(store, retention.Retention(max_bytes=1))
        assert [r.id for r in store.query(queries.list_runs)] == [waiting.run_id]


async def test_backup_and_restore(tmp_path: Path) -> None:
    folder, copy = tmp_path / "store", tmp_path / "copy"
    script = Script()
    with Store(folder) as store:
        failed = await Engine(store).run(script.plan(), {"x": 3})
        retention.backup(folder, copy)
        script.broken = False
        await Engine(store).resume(failed.run_id, script.plan())
    aside = retention.restore(copy, folder)
    assert aside is not None
    assert aside.exists()
    with Store(folder) as store:
        assert (await store.find_run(failed.run_id)).status == "failed"
    (copy / "runs.db").write_bytes(b"broken" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        retention.restore(copy, folder)
    with pytest.raises(StoreError, match="give a folder that does not"):
        retention.backup(folder, copy)


async def test_a_step_that_must_not_run_twice_asks_after_a_crash(store: Store) -> None:
    crash = [True]

    async def pay() -> str:
        if crash[0]:
            raise asyncio.CancelledError
        return "paid"

    plan = Graph().add_node("pay", pay, rerun=False).compile()
    engine = Engine(store)
    with pytest.raises(asyncio.CancelledError):
        await engine.run(plan, run_id="r1")
    crash[0] = False
    again = await engine.resume("r1", plan)
    assert "it is not to be run twice; find out whether it took effect" in str(again.error)
    assert (await engine.fork("r1", edit={"pay": "paid by hand"}, plan=plan)).output == "paid by hand"


async def test_cached_results_outlive_the_process(tmp_path: Path) -> None:
    from codefactory.pipelines.engine import CachePolicy

    calls: list[int] = []

    async def body(x: int) -> int:
        calls.append(x)
        return x

    plan = Graph("p").add_node("a", body, cache=CachePolicy(ttl_s=60)).compile()
    for _ in range(2):
        with Store(tmp_path) as store:
            assert (await Engine(store).run(plan, {"x": 1})).output == 1
    assert calls == [1]
    with Store(tmp_path) as store:
        engine = Engine(store)
        engine.cache.invalidate(step="a")
        await engine.run(plan, {"x": 1})
    assert calls == [1, 1]


async def test_a_run_summary_names_the_bottleneck(store: Store) -> None:
    async def slow() -> None:
        await asyncio.sleep(0.03)

    async def quick() -> None:
        return None

    plan = Graph().add_node("slow", slow).add_node("quick", quick).add_edge("slow", "quick").compile()
    result = await Engine(store).run(plan)
    kept = await store.find_run(result.run_id)
    summary = store.query(partial(replay.summarise, kept=kept))
    assert summary.slowest[0].path == "slow"
    assert "`slow` takes" in summary.hints[0]


def test_kill_nine_loses_and_repeats_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "bench/crash.py", "--trials", "5", "--seed", "100"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0 violations" in done.stdout, done.stdout + done.stderr
    assert " 0 kills" not in done.stdout
