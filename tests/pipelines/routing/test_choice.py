"""Who begins, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.pipelines.ledger import LedgerStore
from codefactory.pipelines.ledger.trials import RECENT, Record, Result, Trial, add_trial, read_records
from codefactory.pipelines.routing.choice import choose
from codefactory.pipelines.settings import RouteSettings

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

ROUTE = ("a/cheap", "b/good", "c/new")


def route(choose: str = "order", **more: object) -> RouteSettings:
    return RouteSettings.model_validate({"models": ROUTE, "choose": choose, **more})


def record(model: str, accepted: int, trials: int, usd: float | None = 0.0, seconds: float = 1.0) -> Record:
    cost = None if usd is None else usd * trials
    return Record("improve", model, trials, accepted, cost_usd=cost, duration_s=seconds * trials, rounds=accepted)


def firsts(settings: RouteSettings, *records: Record, runs: int = 300) -> Counter[str]:
    known = {r.model: r for r in records}
    chosen = [choose(settings, known, run=str(n), role="improve").order[0] for n in range(runs)]
    return Counter(settings.models[n].name for n in chosen)


def test_in_order() -> None:
    assert choose(route(), {}, run="1", role="improve").order == (0, 1, 2)


def test_a_split_is_by_weight_and_the_same_for_a_run_and_role() -> None:
    models = [{"name": "a", "weight": 3}, {"name": "b", "weight": 1}, {"name": "c", "weight": 0}]
    settings = RouteSettings.model_validate({"models": models, "choose": "split"})
    counted = firsts(settings, runs=2000)
    assert counted["c"] == 0
    assert counted["a"] / 2000 == pytest.approx(0.75, abs=0.04)
    one = choose(settings, {}, run="x", role="qa")
    assert all(choose(settings, {}, run="x", role="qa") == one for _ in range(5))
    assert "drawn by weight" in one.reason
    assert len({choose(settings, {}, run="x", role=f"role {n}").order for n in range(20)}) == 2


def test_the_better_record_begins_and_the_unknown_is_tried() -> None:
    counted = firsts(route("measured"), record("a/cheap", 20, 100), record("b/good", 90, 100))
    assert counted["b/good"] > 200
    assert counted["a/cheap"] == 0
    assert 10 < counted["c/new"] < 100


def test_of_those_about_as_good_the_cheaper_begins() -> None:
    records = (
        record("a/cheap", 950, 1000, usd=0.001),
        record("b/good", 960, 1000, usd=0.1),
        record("c/new", 10, 1000, usd=0.0),
    )
    assert firsts(route("measured"), *records) == {"a/cheap": 300}
    unpriced = (record("a/cheap", 950, 1000, usd=None), *records[1:])
    assert firsts(route("measured"), *unpriced) == {"b/good": 300}
    quick = (record("a/cheap", 950, 1000, seconds=9.0), record("b/good", 950, 1000, seconds=1.0), records[2])
    assert firsts(route("measured"), *quick) == {"b/good": 300}


def test_the_reason_names_the_records() -> None:
    known = {"b/good": record("b/good", 90, 100, usd=0.01)}
    chosen = choose(route("measured"), known, run="1", role="improve")
    assert "b/good: 90 of 100 accepted, at least 83%, $0.0111 an accepted edit, 1.0 s a reply" in chosen.reason
    assert "c/new: no record yet" in chosen.reason
    assert chosen == choose(route("measured"), known, run="1", role="improve")
    assert sorted(chosen.order) == [0, 1, 2]


@given(trials=st.integers(0, 500), share=st.floats(0, 1))
def test_the_lower_bound_is_a_bound(trials: int, share: float) -> None:
    one = record("m", round(trials * share), trials)
    assert 0.0 <= one.at_least <= (one.rate or 0.0) + 1e-12
    assert record("m", round(trials * share) * 4, trials * 4).at_least >= one.at_least - 0.02


def test_the_record_is_of_the_latest_replies(tmp_path: Path) -> None:
    store = LedgerStore(tmp_path / "ledger.db")

    def fill(connection: sqlite3.Connection) -> tuple[Record, ...]:
        def add(model: str, result: Result, round_: int = 1, usd: float | None = 0.5) -> None:
            add_trial(connection, Trial("improve", model, result, round_, 100, usd, 2.0))

        for _ in range(50):
            add("m", "failed")
        for n in range(RECENT):
            add("m", "accepted" if n % 2 else "refused", round_=2)
        add("n", "unusable", usd=None)
        add("o", "accepted")
        return read_records(connection)

    records = store.submit(fill).result()
    store.close()
    assert [r.model for r in records] == ["m", "o", "n"]
    m, o, n = records
    assert (m.trials, m.accepted, m.failed, m.tokens) == (RECENT, RECENT // 2, 0, RECENT * 100)
    assert (m.rounds_until_accepted, m.usd_per_accepted, m.seconds) == (2.0, 1.0, 2.0)
    assert (o.rate, o.cost_usd) == (1.0, 0.5)
    assert (n.unusable, n.cost_usd, n.usd_per_accepted, n.rounds_until_accepted) == (1, None, None, None)
