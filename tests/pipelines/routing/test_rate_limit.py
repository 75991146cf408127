"""No more than the limit in any minute, in the order asked, and nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefactory.pipelines.routing.rate_limit import BURST_S, Bucket


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_passes_and_then_it_is_even() -> None:
    clock = Clock()
    bucket = Bucket(60, clock)
    assert [bucket.take(1) for _ in range(12)] == [0.0] * 10 + [1.0, 2.0]
    clock.now_s = 12.0
    assert bucket.wait_s(10) == 0.0
    assert bucket.take(11) == 0.0  # more than the bucket: it passes when the bucket is full
    assert bucket.take(1) == 2.0


def test_what_is_given_back_is_free_again() -> None:
    bucket = Bucket(60, Clock())
    assert bucket.take(10) == 0.0
    assert bucket.wait_s(4) == 4.0
    bucket.give_back(4)
    assert bucket.wait_s(4) == 0.0
    bucket.give_back(100)
    assert bucket.take(10) == 0.0
    assert bucket.take(1) == 1.0


@given(
    per_minute=st.floats(1, 1000),
    calls=st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 5)), min_size=1, max_size=60),
)
def test_no_minute_sees_more_than_the_limit_and_one_burst(per_minute: float, calls: list[tuple[float, float]]) -> None:
    clock = Clock()
    bucket = Bucket(per_minute, clock)
    size = max(1.0, per_minute / 60 * BURST_S)
    used: list[tuple[float, float]] = []
    for pause_s, amount in calls:
        clock.now_s += pause_s
        used.append((clock.now_s + bucket.take(amount), amount))
    assert [at for at, _ in used] == sorted(at for at, _ in used)
    for start, _ in used:
        within = [amount for at, amount in used if start <= at <= start + 60]
        assert sum(within[:-1]) <= per_minute + size + max(within) + 1e-6
