"""Results of steps, kept by what they depend on: type, version, inputs and policy.

In memory, least recently used out first; where there is a store, also there. Of several steps that ask for the same
missing result at once, one computes and the others wait for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, Protocol

from .values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable


class Backing(Protocol):
    """Where results outlive the process: the store."""

    async def cache_get(self, key: str) -> CacheEntry | None: ...
    def cache_put(self, key: str, entry: CacheEntry) -> None: ...
    def cache_drop(self, keys: Iterable[str] | None, pipeline: str | None, step: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class CacheEntry:
    data: bytes
    """The result's JSON: whoever takes it gets a copy of their own."""
    expires_at: float | None
    pipeline: str
    step: str


class Cache:
    def __init__(self, max_bytes: int = 64_000_000, backing: Backing | None = None) -> None:
        self.max_bytes = max_bytes
        self._backing = backing
        self._entries: OrderedDict[str, CacheEntry] = OrderedDict()
        self._size = 0
        self._computing: dict[str, asyncio.Future[CacheEntry | None]] = {}

    async def get_or_compute(
        self,
        key: str,
        compute: Callable[[], Awaitable[Any]],
        ttl_s: float | None,
        pipeline: str,
        step: str,
        output_type: Any = None,
    ) -> tuple[Any, bool]:
        """The value, as `output_type`, and whether it came from the cache.

        Whoever computes fails alone: the next one that waits tries.
        """
        entry = await self._find(key)
        while entry is None and (running := self._computing.get(key)) is not None:
            entry = await asyncio.shield(running)
        if entry is not None:
            return decode(entry.data, output_type), True
        mine = self._computing[key] = asyncio.get_running_loop().create_future()
        made: CacheEntry | None = None
        try:
            value = await compute()
            expires_at = None if ttl_s is None else time() + ttl_s
            made = CacheEntry(encode(value, step), expires_at, pipeline, step)
            self.put(key, made)
            return value, False
        finally:
            del self._computing[key]
            mine.set_result(made)

    async def _find(self, key: str) -> CacheEntry | None:
        entry = self._entries.get(key)
        if entry is None and self._backing is not None:
            entry = await self._backing.cache_get(key)
            if entry is not None:
                self._keep(key, entry)
        if entry is None:
            return None
        if entry.expires_at is not None and entry.expires_at <= time():
            self.invalidate(keys=[key])
            return None
        if key in self._entries:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: CacheEntry) -> None:
        """Keep a result; one larger than the whole cache is not kept."""
        if len(entry.data) > self.max_bytes:
            return
        self._keep(key, entry)
        if self._backing is not None:
            self._backing.cache_put(key, entry)

    def _keep(self, key: str, entry: CacheEntry) -> None:
        old = self._entries.pop(key, None)
        self._size += len(entry.data) - (len(old.data) if old else 0)
        self._entries[key] = entry
        while self._size > self.max_bytes:
            _, dropped = self._entries.popitem(last=False)
            self._size -= len(dropped.data)

    def invalidate(
        self, *, keys: Iterable[str] | None = None, pipeline: str | None = None, step: str | None = None
    ) -> None:
        """Drop these keys, or everything of a pipeline or a step; without arguments, everything."""
        chosen = (
            list(keys)
            if keys is not None
            else [
                key
                for key, entry in self._entries.items()
                if pipeline in (None, entry.pipeline) and step in (None, entry.step)
            ]
        )
        for key in chosen:
            if (entry := self._entries.pop(key, None)) is not None:
                self._size -= len(entry.data)
        if self._backing is not None:
            self._backing.cache_drop(chosen if keys is not None else None, pipeline, step)

    def __len__(self) -> int:
        return len(self._entries)


def cache_key(step_type: str, version: str, arguments: Any, files: tuple[str, ...]) -> str:
    """A hash of what a result depends on. A file that is missing is a content of its own."""
    digest = hashlib.sha256(json.dumps([step_type, version]).encode())
    digest.update(encode(arguments, "its inputs", sort=True))
    for name in files:
        path = Path(name)
        digest.update(name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"missing")
    return digest.hexdigest()
