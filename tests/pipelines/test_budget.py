"""What may be spent, and what was."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.pipelines.budget import Budget, Entry, Ledger, Reservation, Spending, estimate_tokens, tokens_of
from codefactory.pipelines.models import NO_USAGE, Message, ModelError, Price, Usage

SMALL = (Message("user", "x" * 30),)
SMALL_TOKENS = 18
CHEAP = Price(input_usd=0.001, output_usd=0.002)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def reserve(spending: Spending, output: int = 1000, price: Price | None = None) -> Reservation:
    return spending.reserve("m", "improve", SMALL, output, price)


def test_the_reported_usage_takes_the_place_of_the_estimate() -> None:
    spending = Spending(Budget(max_usd=None))
    with reserve(spending, price=CHEAP) as reservation:
        assert spending.tokens == SMALL_TOKENS + 1000
        reservation.settle(Usage(20, 30, 0.08))
    assert (spending.tokens, round(spending.usd, 6)) == (50, 0.08)
    (entry,) = spending.ledger.entries
    assert (entry.model, entry.role, entry.usage, entry.outcome) == ("m", "improve", Usage(20, 30, 0.08), "completed")


def test_unknown_usage_stays_charged_as_reserved() -> None:
    spending = Spending(Budget())
    with reserve(spending) as reservation:
        reservation.settle(Usage())
    assert spending.tokens == SMALL_TOKENS + 1000
    assert "the usage of 1 is unknown" in str(spending.ledger.totals)


@pytest.mark.parametrize(
    ("error", "charged", "outcome", "usage"),
    [
        (ModelError("authentication", "no"), 0, "failed", NO_USAGE),
        (ModelError("rate-limited", "no"), 0, "failed", NO_USAGE),
        (ModelError("context-length", "no"), 0, "failed", NO_USAGE),
        (ModelError("transient", "cut"), SMALL_TOKENS + 1000, "failed", Usage()),
        (ModelError("timeout", "slow"), SMALL_TOKENS + 1000, "failed", Usage()),
        (asyncio.CancelledError(), SMALL_TOKENS + 1000, "cancelled", Usage()),
        (KeyError("bug"), SMALL_TOKENS + 1000, "failed", Usage()),
    ],
    ids=repr,
)
def test_a_call_that_does_not_end_well_is_settled_too(
    error: BaseException, charged: int, outcome: str, usage: Usage
) -> None:
    spending = Spending(Budget())
    with pytest.raises(type(error)), reserve(spending):
        raise error
    (entry,) = spending.ledger.entries
    assert (spending.tokens, entry.outcome, entry.usage) == (charged, outcome, usage)


def test_rounds() -> None:
    spending = Spending(Budget(max_rounds=2))
    assert [spending.start_round(), spending.start_round()] == [1, 2]
    reserve(spending)
    assert spending.exceeded() == "All 2 rounds are used up. codefactory.budget.maxRounds allows more."
    with pytest.raises(ModelError, match="maxRounds"):
        spending.start_round()


def test_tokens() -> None:
    spending = Spending(Budget(max_tokens=900))
    assert reserve(spending, 800).max_output_tokens == 800
    assert spending.exceeded() is None
    with pytest.raises(ModelError, match=r"818 of 900 tokens.*about 18.*codefactory\.budget\.maxTokens") as caught:
        reserve(spending, 800)
    assert caught.value.category == "budget"


def test_the_output_is_capped_to_what_is_left() -> None:
    assert reserve(Spending(Budget(max_tokens=500)), 1000).max_output_tokens == 500 - SMALL_TOKENS
    assert reserve(Spending(Budget(max_usd=0.4)), 1000, CHEAP).max_output_tokens == int((0.4 - 0.018) / 0.002)


def test_money() -> None:
    spending = Spending(Budget(max_usd=1.0))
    reserve(spending, 400, CHEAP)
    with pytest.raises(ModelError, match=r"\$0\.8180 of \$1\.00.*codefactory\.budget\.maxUsd"):
        reserve(spending, 400, CHEAP)


def test_no_money_at_all_leaves_what_costs_nothing() -> None:
    spending = Spending(Budget(max_usd=0.0))
    reserve(spending, price=Price(0.0, 0.0))
    reserve(spending, price=None)
    with pytest.raises(ModelError, match="maxUsd"):
        reserve(spending, price=CHEAP)


def test_an_unknown_price_is_said_and_tokens_still_bind() -> None:
    spending = Spending(Budget(max_tokens=2000, max_usd=0.01))
    reserve(spending, 1000)
    (note,) = spending.notes()
    assert "The price of m is unknown" in note
    assert "codefactory.budget.maxTokens (2,000)" in note
    reserve(spending, 900)
    with pytest.raises(ModelError, match="maxTokens"):
        reserve(spending)
    assert Spending(Budget(max_usd=None)).notes() == ()


def test_time() -> None:
    clock = Clock()
    spending = Spending(Budget(max_seconds=10), clock)
    clock.now_s += 9
    assert (spending.exceeded(), spending.seconds_left) == (None, 1.0)
    clock.now_s += 1
    assert spending.exceeded() == "10 s have passed. codefactory.budget.maxSeconds allows more."
    with pytest.raises(ModelError, match="maxSeconds"):
        reserve(spending)


def test_settling_twice_counts_once() -> None:
    spending = Spending(Budget())
    with reserve(spending) as reservation:
        reservation.settle(Usage(1, 1, 0.0))
        reservation.settle(Usage(5, 5, 0.0))
    assert spending.tokens == 2


def test_totals_say_what_they_leave_out() -> None:
    ledger = Ledger()
    for usage in (Usage(10, 5, 0.5), Usage(10, 5, None), Usage()):
        ledger.add(Entry("m", "improve", usage, 1.0, "completed"))
    assert str(ledger.totals) == (
        "3 calls, 20 + 10 tokens, $0.5000; the usage of 1 is unknown; the price of 1 is unknown"
    )


def test_threads_do_not_lose_a_token() -> None:
    spending = Spending(Budget(max_tokens=10**9))

    def call(seed: int) -> int:
        chance = random.Random(seed)
        into, out = chance.randrange(100), chance.randrange(100)
        with reserve(spending) as reservation:
            reservation.settle(Usage(into, out, 0.0))
        return into + out

    with ThreadPoolExecutor(8) as pool:
        expected = sum(pool.map(call, range(2000)))
    totals = spending.ledger.totals
    assert spending.tokens == expected == totals.input_tokens + totals.output_tokens
    assert totals.calls == 2000


@given(st.text(max_size=200))
def test_the_estimate_is_no_less_than_a_byte_pair_tokenizer_could_need_for_prose(text: str) -> None:
    assert tokens_of(text) >= len(text.encode("utf-8", "surrogatepass")) / 4
    assert tokens_of(text + "é") > tokens_of(text) - 1


def test_the_estimate_counts_messages() -> None:
    assert estimate_tokens([Message("system", ""), Message("user", "")]) == 16
    assert estimate_tokens(SMALL) == SMALL_TOKENS
