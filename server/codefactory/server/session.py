"""`Session`: the open documents. It alone changes them, and only the text-sync handlers call it.

Everybody else gets frozen `Snapshot`s. A snapshot's identity counts: `since(snapshot)` answers what was typed after
exactly that one.
"""

from __future__ import annotations

import re
import weakref
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from codefactory.analyzers import Snapshot

from .tracking import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from codefactory.analyzers import Span

    from .tracking import Replacement

HISTORY = 20_000
"""Versions of a document whose edits are remembered. A change for an older one is anchored by a diff."""


@dataclass(slots=True)
class _Document:
    snapshot: Snapshot
    history: deque[tuple[weakref.ref[Snapshot], tuple[Replacement, ...]]] = field(
        default_factory=lambda: deque(maxlen=HISTORY)
    )
    """Snapshot → what turned it into the next one."""


class Session:
    """Not thread-safe: for the event loop only."""

    def __init__(self) -> None:
        self._documents: dict[str, _Document] = {}
        self._watchers: dict[str, list[Callable[[Snapshot | None], None]]] = {}

    def open(self, snapshot: Snapshot) -> None:
        self._documents[key(snapshot.uri)] = _Document(snapshot)
        self._notify(snapshot.uri, snapshot)

    def change(self, uri: str, version: int, text: str, steps: tuple[Replacement, ...]) -> Snapshot | None:
        """The document became `text` by `steps`. None for a document that is not open."""
        document = self._documents.get(key(uri))
        if document is None:
            return None
        before = document.snapshot
        document.snapshot = Snapshot(before.uri, text, before.language, version)
        document.history.append((weakref.ref(before), steps))
        self._notify(uri, document.snapshot)
        return document.snapshot

    def close(self, uri: str) -> None:
        self._documents.pop(key(uri), None)
        self._notify(uri, None)

    def snapshot(self, uri: str) -> Snapshot | None:
        """The document as it is now; None if it is not open."""
        document = self._documents.get(key(uri))
        return document.snapshot if document else None

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        return tuple(document.snapshot for document in self._documents.values())

    def since(self, snapshot: Snapshot) -> tuple[Replacement, ...] | None:
        """What was replaced after `snapshot`, in order. None when that is not known any more."""
        document = self._documents.get(key(snapshot.uri))
        if document is None:
            return None
        if document.snapshot is snapshot:
            return ()
        steps: list[Sequence[Replacement]] = []
        for reference, made in reversed(document.history):
            steps.append(made)
            if reference() is snapshot:
                return tuple(step for part in reversed(steps) for step in part)
        return None

    def follow(self, span: Span, snapshot: Snapshot) -> Span | None:
        """Where `span` of `snapshot` is in the document now; None when it is gone or not known."""
        now, steps = self.snapshot(snapshot.uri), self.since(snapshot)
        if now is None or steps is None:
            return None
        return follow(span, snapshot.lines, steps, now.lines)

    @contextmanager
    def watching(self, uri: str, callback: Callable[[Snapshot | None], None]) -> Generator[None]:
        """Call `callback` with each new version of a document, None when it is closed."""
        watchers = self._watchers.setdefault(key(uri), [])
        watchers.append(callback)
        try:
            yield
        finally:
            watchers.remove(callback)
            if not watchers:
                self._watchers.pop(key(uri), None)

    def _notify(self, uri: str, snapshot: Snapshot | None) -> None:
        for callback in tuple(self._watchers.get(key(uri), ())):
            callback(snapshot)


def key(uri: str) -> str:
    """One key for all spellings of a URI: `file:///c%3A/x` and `file:///C:/x` are one file."""
    plain = unquote(uri)
    return re.sub(r"^file:///([a-z]):", lambda m: f"file:///{m[1].upper()}:", plain)
