"""The ledger agrees with the server: see `accounting`. `bench/accounting.py` does the same with 10,000 calls."""

from __future__ import annotations

from accounting import compare


async def test_the_ledger_has_what_the_server_reported_and_says_what_nobody_did() -> None:
    found = await compare(400, seed=20261127)
    assert found.differences == []
    assert min(found.cancelled, found.failed, found.unknown) > 10, "too little happened"
    assert found.requests > found.calls
