"""Replies that need not be paid twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codefactory.pipelines.routing.reply_cache import ReplyCache, key_of

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_keeps_what_was_put_also_for_another_process(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.db", 10_000)
    assert await cache.get("k") is None
    cache.put("k", "Zoë ✓")
    assert await cache.get("k") == "Zoë ✓"
    cache.close()
    again = ReplyCache(tmp_path / "replies.db", 10_000)
    assert await again.get("k") == "Zoë ✓"
    again.close()


async def test_it_is_bounded_and_what_is_used_stays(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.db", 10_000)
    cache.put("used", "x" * 900)
    for n in range(30):
        cache.put(f"{n}", "x" * 900)
        assert await cache.get("used") is not None
    kept = [n for n in range(30) if await cache.get(str(n)) is not None]
    assert 5 <= len(kept) <= 10
    assert kept[-1] == 29
    cache.put("large", "x" * 9000)
    assert await cache.get("large") is None
    cache.put("half a pair", "\ud800")
    assert await cache.get("half a pair") is None
    cache.close()


async def test_a_cache_that_cannot_be_used_is_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ReplyCache(tmp_path / "file" / "replies.db", 10_000)
    cache.put("k", "v")
    assert await cache.get("k") is None
    cache.close()


def test_a_key_changes_with_everything() -> None:
    base = {"model": "m", "messages": [["user", "x"]], "seed": None}
    keys = {key_of(**base), key_of(**base | {"seed": 1}), key_of(**base | {"messages": [["user", "y"]]})}
    assert len(keys) == 3
    assert key_of(**base) == key_of(**dict(reversed(base.items())))
