"""Limits that hold over all processes, and a record that says what it does not know."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.ledger import Account, LedgerStore, Limits
from codefactory.pipelines.ledger.report import Row, caveats, summarise, total
from codefactory.pipelines.models import Message, ModelError, Price, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = (Message("user", "x" * 30),)
SMALL_TOKENS = 18
CHEAP = Price(input_usd=0.001, output_usd=0.002)
NOON = time.mktime((2026, 11, 27, 12, 0, 0, 0, 0, -1))


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    opened = LedgerStore(tmp_path / "data" / "ledger.db")
    yield opened
    opened.close()


def spending(
    store: LedgerStore,
    limits: Limits | None = None,
    clock: Clock | None = None,
    workspace: str = "/shop",
    run: str = "r1",
) -> Spending:
    return Spending(
        Budget(max_tokens=10**9, max_usd=None), account=Account(store, workspace, run, limits, clock or Clock())
    )


async def rows(store: LedgerStore, by: str = "day", now: float = NOON) -> tuple[Row, ...]:
    return await store.do(lambda c: summarise(c, by, now=now))  # pyright: ignore[reportArgumentType]


async def test_a_call_is_entered_at_the_most_and_settled_at_what_it_was(store: LedgerStore) -> None:
    with await spending(store).admit("m", "improve", SMALL, 1000, CHEAP) as reservation:
        (row,) = await rows(store)
        assert (row.calls, row.open, row.unknown_usage_tokens) == (1, 1, SMALL_TOKENS + 1000)
        assert row.unknown_usage_usd == pytest.approx(0.018 + 2.0)
        reservation.settle(Usage(20, 30, 0.08))
    (row,) = await rows(store)
    assert (row.key, row.calls, row.input_tokens, row.output_tokens, row.cost_usd) == ("2026-11-27", 1, 20, 30, 0.08)
    assert (row.open, row.unknown_usage, row.unknown_usage_usd) == (0, 0, 0.0)
    assert caveats(row) == ()


async def test_the_limit_of_a_day_ends_with_the_day(store: LedgerStore) -> None:
    clock = Clock()
    limits = Limits(usd_per_day=1.0)
    with await spending(store, limits, clock).admit("m", "code", SMALL, 400, CHEAP) as reservation:
        reservation.settle(Usage(100, 400, 0.9))
    for workspace in ("/shop", "/other"):
        with pytest.raises(ModelError, match=r"\$0\.9000 of the \$1\.00 for today.*budget\.maxUsdPerDay") as caught:
            await spending(store, limits, clock, workspace).admit("m", "code", SMALL, 400, CHEAP)
        assert caught.value.category == "budget"
    clock.now += 86_400
    with await spending(store, limits, clock).admit("m", "code", SMALL, 400, CHEAP):
        pass


async def test_the_limits_of_a_workspace_are_its_own_and_for_all_days(store: LedgerStore) -> None:
    clock = Clock()
    limits = Limits(tokens_per_workspace=1000)
    with await spending(store, limits, clock).admit("m", "code", SMALL, 900, None) as reservation:
        reservation.settle(Usage(100, 800))
    clock.now += 5 * 86_400
    with pytest.raises(ModelError, match=r"900 of the 1,000 tokens for this workspace.*maxTokensPerWorkspace"):
        await spending(store, limits, clock).admit("m", "code", SMALL, 400, None)
    with await spending(store, limits, clock, "/other").admit("m", "code", SMALL, 400, None):
        pass


async def test_what_a_limit_refuses_is_not_charged_and_not_entered(store: LedgerStore) -> None:
    one = spending(store, Limits(tokens_per_day=10))
    with pytest.raises(ModelError, match="maxTokensPerDay"):
        await one.admit("m", "code", SMALL, 400, CHEAP)
    assert (one.tokens, one.usd, one.ledger.entries) == (0, 0.0, ())
    assert await rows(store) == ()


async def test_what_is_free_passes_a_limit_of_money(store: LedgerStore) -> None:
    with await spending(store, Limits(usd_per_day=0.0)).admit("m", "code", SMALL, 400, Price(0.0, 0.0)):
        pass
    with pytest.raises(ModelError, match="maxUsdPerDay"):
        await spending(store, Limits(usd_per_day=0.0)).admit("m", "code", SMALL, 400, CHEAP)


async def test_an_unknown_price_is_said(store: LedgerStore) -> None:
    with await spending(store, Limits(usd_per_day=0.01)).admit("m", "code", SMALL, 400, None) as reservation:
        reservation.settle(Usage(5, 5))
    (row,) = await rows(store)
    assert row.unknown_price == 1
    assert "codefactory.prices.models" in caveats(row)[0]


async def test_each_request_that_nobody_reported_on_counts_at_the_most(store: LedgerStore) -> None:
    with await spending(store).admit("m", "code", SMALL, 82, Price(0.0, 0.005)) as reservation:
        reservation.settle(Usage(5, 5, 0.1, 2, unreported=2))
    (row,) = await rows(store)
    assert (row.input_tokens, row.cached_tokens, row.cost_usd, row.unknown_usage) == (5, 2, 0.1, 1)
    assert (row.unknown_usage_tokens, round(row.unknown_usage_usd, 6)) == (2 * (SMALL_TOKENS + 82), 0.82)
    with pytest.raises(ModelError, match=r"\$0\.9200 of the \$1\.00"):
        await spending(store, Limits(usd_per_day=1.0)).admit("m", "code", SMALL, 400, CHEAP)


async def test_a_wait_that_is_cancelled_leaves_nothing_set_aside(store: LedgerStore) -> None:
    await store.do(lambda _: None)
    blocked = store.submit(lambda _: time.sleep(0.2))
    one = spending(store, Limits(usd_per_day=9.0))
    waiting = asyncio.ensure_future(one.admit("m", "code", SMALL, 400, CHEAP))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wrap_future(blocked)
    await store.do(lambda _: None)
    assert one.tokens == 0
    assert all((row.open, row.cost_usd) == (0, 0.0) for row in await rows(store))


async def test_a_ledger_that_cannot_be_written_holds_what_costs_money(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = LedgerStore(tmp_path / "file" / "ledger.db")
    with pytest.raises(ModelError, match=r"the ledger .* cannot be opened.*codefactory\.budget\.maxUsdPerDay"):
        await spending(store, Limits(usd_per_day=1.0)).admit("m", "code", SMALL, 400, CHEAP)
    for limits, price in ((Limits(usd_per_day=1.0), Price(0.0, 0.0)), (Limits(), CHEAP)):
        with await spending(store, limits).admit("m", "code", SMALL, 400, price) as reservation:
            reservation.settle(Usage(1, 1, 0.0))
    store.close()


async def test_a_damaged_ledger_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all" * 100)
    store = LedgerStore(path)
    assert await store.do(lambda c: summarise(c, "day")) == ()
    assert store.set_aside is not None
    assert store.set_aside.read_bytes().startswith(b"not a database")
    store.close()


async def test_sums_by_what_one_likes(store: LedgerStore) -> None:
    for run, workspace, model in (("r1", "/a", "m1"), ("r1", "/a", "m2"), ("r2", "/b", "m1")):
        with await spending(store, workspace=workspace, run=run).admit(model, "qa", SMALL, 10, CHEAP) as reservation:
            reservation.settle(Usage(1, 2, 0.5))
    spending(store).replayed("m1", "qa", 0.01)
    for by, expected in {
        "run": {"r1": 3, "r2": 1},
        "workspace": {"/a": 2, "/b": 1, "/shop": 1},
        "model": {"m1": 3, "m2": 1},
        "role": {"qa": 4},
    }.items():
        assert {row.key: row.calls for row in await rows(store, by)} == expected
    whole = total(await rows(store))
    assert (whole.calls, whole.input_tokens, whole.output_tokens, whole.cost_usd, whole.replayed) == (4, 3, 6, 1.5, 1)
    assert "answered from the cache" in caveats(whole)[0]


SPEND = """
import asyncio, sys, time
from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.ledger import Account, LedgerStore, Limits
from codefactory.pipelines.models import Message, ModelError, Price, Usage
from pathlib import Path

async def main():
    store = LedgerStore(Path(sys.argv[1]))
    account = Account(store, "/w", f"run {sys.argv[2]}", Limits(usd_per_day=1.0))
    done = 0
    print("ready", flush=True); sys.stdin.readline()
    for _ in range(40):
        spending = Spending(Budget(max_usd=None), account=account)
        try:
            with await spending.admit("m", "code", [Message("user", "x")], 10, Price(0.0, 0.005)) as reservation:
                await asyncio.sleep(0.001)
                reservation.settle(Usage(1, 10, 0.05))
                done += 1
        except ModelError:
            pass
    print(done)
asyncio.run(main())
"""


def test_processes_side_by_side_do_not_overspend_together(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    command = [sys.executable, "-c", SPEND, str(path)]
    running = [
        subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for n in range(3)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert sum(int(out) for out in outputs) == 20
    store = LedgerStore(path)
    whole = total(store.submit(lambda c: summarise(c, "run")).result())
    store.close()
    assert (whole.calls, round(whole.cost_usd, 6)) == (20, 1.0)


DIE = """
import asyncio, os, signal, sys
from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.ledger import Account, LedgerStore
from codefactory.pipelines.models import Message, Price
from pathlib import Path

async def main():
    spending = Spending(Budget(max_seconds=100), account=Account(LedgerStore(Path(sys.argv[1])), "/w", "r"))
    await spending.admit("m", "code", [Message("user", "x")], 100, Price(0.0, 0.005))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


async def test_a_program_that_dies_leaves_a_call_that_counts_at_the_most(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    command = [sys.executable, "-c", DIE, str(path)]
    done = await asyncio.to_thread(subprocess.run, command, check=False)
    assert done.returncode == -9
    store = LedgerStore(path)
    (row,) = await rows(store, now=time.time())
    assert (row.open, row.lost) == (1, 0)
    (row,) = await rows(store, now=time.time() + 161)
    assert (row.open, row.lost, row.cost_usd, round(row.unknown_usage_usd, 6)) == (0, 1, 0.0, 0.5)
    assert "1 the program died" in caveats(row)[0]
    limits = Limits(usd_per_day=0.6)
    with pytest.raises(ModelError, match=r"\$0\.5000 of the \$0\.60"):
        await spending(store, limits, Clock(time.time())).admit("m", "code", SMALL, 400, CHEAP)
    store.close()
