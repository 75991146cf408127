"""`apply()`: the one way a change reaches a document.

It sends edits for exactly the version the editor has. If the text has moved since the change was made, it re-anchors
the hunks or refuses; a moved change is checked again, since nobody has judged that text. Afterwards it looks whether
the edit is really there: "applied" is what the client says, the document is what counts.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from codefactory.analyzers import Snapshot, Text, TextEdit

from . import files
from .reanchor import Conflict, reanchor
from .session import key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .session import Session

    Check = Callable[[Snapshot, str], Awaitable[str | None]]
    """Judges a text that a change would make of a snapshot: the reason against it, or None."""

ATTEMPTS = 20
"""Tries while somebody types. Each one starts from the text as it is then."""
JUDGED_S = 2.0
"""How long a moved change counts as judged. What is typed in that time only has to be elsewhere: judging every key
anew would keep a change waiting for as long as somebody types."""
ARRIVAL_S = 3.0
"""How long to wait for the client's `didChange` after it said that the edit is applied."""

Status = Literal["applied", "unverified", "conflict", "refused", "rejected", "unchanged"]


@dataclass(frozen=True, slots=True)
class Change:
    """Edits to one version of a document. `label` names them in the editor's undo list."""

    snapshot: Snapshot
    edits: tuple[TextEdit, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What really happened."""

    status: Status
    message: str
    after: Snapshot | None = None
    """The document right after the edit, where it was seen."""
    places: tuple[tuple[int, int], ...] = ()
    """Offsets of the new text in `after`, insertions and replacements only."""

    @property
    def applied(self) -> bool:
        return self.status in ("applied", "unverified")

    def as_json(self) -> dict[str, Any]:
        return {"status": self.status, "applied": self.applied, "message": self.message}


@dataclass(frozen=True, slots=True)
class Answer:
    """The client's answer to an edit."""

    applied: bool
    reason: str | None = None


class Editor(Protocol):
    async def apply_edit(self, edits: Sequence[TextEdit], snapshot: Snapshot, label: str) -> Answer:
        """Ask the client to edit this very version of a document."""
        ...


class Applier:
    """Applies changes to one document one after another. For the event loop only."""

    def __init__(self, session: Session, editor: Editor) -> None:
        self._session = session
        self._editor = editor
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def apply(self, change: Change, check: Check | None = None) -> Outcome:
        """`check` judges the change again if it had to be moved."""
        if not change.edits:
            return Outcome("unchanged", "There is nothing to change.")
        name = key(change.snapshot.uri)
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        async with lock:
            # A change on its way to the client cannot be called back, so its outcome is waited for in any case.
            return await asyncio.shield(self._apply(change, check))

    async def _apply(self, change: Change, check: Check | None) -> Outcome:
        uri = change.snapshot.uri
        reason: str | None = None
        judged_at = -JUDGED_S
        for _ in range(ATTEMPTS):
            now = await self._document(uri)
            if now is None:
                return Outcome("conflict", f"{uri} does not exist any more. Nothing was changed.")
            placed = await asyncio.to_thread(
                reanchor, change.snapshot.lines, change.edits, now.lines, self._session.since(change.snapshot)
            )
            if isinstance(placed, Conflict):
                return Outcome("conflict", f"Not applied: {placed.message}. Nothing was changed; run it again.")
            expected = now.lines.apply(placed)
            moved = now.text != change.snapshot.text
            if moved and check and time.monotonic() - judged_at > JUDGED_S:
                if against := await check(now, expected):
                    return Outcome("refused", f"Not applied: with your latest edits, {against}. Nothing was changed.")
                judged_at = time.monotonic()
            if not self._is_current(uri, now):
                continue
            answer, after = await self._send(placed, now, expected, change.label)
            if answer.applied:
                if after is None:
                    message = "The editor says that it applied the change, but the change cannot be seen."
                    return Outcome("unverified", message)
                places = written_places(now, placed) if after.text == expected else ()
                return Outcome("applied", "Applied.", after, places)
            reason = answer.reason
            if self._is_current(uri, now):
                break  # it was not for the version
        why = f": {reason}" if reason else ""
        return Outcome("rejected", f"The editor did not apply the change{why}. Nothing was changed.")

    async def _document(self, uri: str) -> Snapshot | None:
        return self._session.snapshot(uri) or await asyncio.to_thread(read, uri)

    def _is_current(self, uri: str, snapshot: Snapshot) -> bool:
        current = self._session.snapshot(uri)
        return current is snapshot or (current is None and snapshot.version is None)

    async def _send(
        self, edits: Sequence[TextEdit], now: Snapshot, expected: str, label: str
    ) -> tuple[Answer, Snapshot | None]:
        seen: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()

        def look(snapshot: Snapshot | None) -> None:
            if snapshot is not None and not seen.done() and _same(snapshot.text, expected):
                seen.set_result(snapshot)

        with self._session.watching(now.uri, look):
            answer = await self._editor.apply_edit(edits, now, label)
            if not answer.applied:
                return answer, None
            if now.version is None and (written := await asyncio.to_thread(read, now.uri)):
                look(written)
            try:
                return answer, await asyncio.wait_for(seen, ARRIVAL_S)
            except TimeoutError:
                pass
        latest = await self._document(now.uri)
        if latest is not None and await asyncio.to_thread(_contains, now, edits, expected, latest):
            return answer, latest
        return answer, None


def read(uri: str) -> Snapshot | None:
    """A document from disk; None for one that is no file or cannot be read as text."""
    path = Snapshot(uri, "", "").path
    if path is None:
        return None
    found = files.read(Path(path))
    return Snapshot(uri, found.snapshot.text, found.snapshot.language) if isinstance(found, files.TextFile) else None


def _same(text: str, expected: str) -> bool:
    """Editors may give inserted lines the document's own line ending."""
    return text == expected or (len(text) != len(expected) and _unix(text) == _unix(expected))


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def written_places(before: Snapshot, edits: Sequence[TextEdit]) -> tuple[tuple[int, int], ...]:
    """Where each edit's new text stands afterwards, as offsets, in text order."""
    places: list[tuple[int, int]] = []
    growth = 0
    for edit in sorted(edits):
        start, end = before.lines.offset(edit.span.start), before.lines.offset(edit.span.end)
        places.append((start + growth, start + growth + len(edit.new_text)))
        growth += len(edit.new_text) - (end - start)
    return tuple(places)


def _contains(before: Snapshot, edits: Sequence[TextEdit], expected: str, latest: Snapshot) -> bool:
    """Whether the edit is there although more was typed in the same breath: then it could also be taken back."""
    after = Text(expected)
    inverse = [
        TextEdit(after.span(*place), before.lines.slice(edit.span))
        for edit, place in zip(sorted(edits), written_places(before, edits), strict=True)
    ]
    return not isinstance(reanchor(after, inverse, latest.lines, None), Conflict)
