"""A kept run read again: its events as they were, and a summary with hints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.pipelines.engine.events import (
    Event,
    StepFinished,
    StepSkipped,
    StepStarted,
    event_from_json,
)

if TYPE_CHECKING:
    import sqlite3

    from .queries import KeptRun


def events(connection: sqlite3.Connection, kept: KeptRun, after: int = 0) -> list[Event]:
    """Everything that happened in a run, in order. Starts and ends of steps are made of the steps' rows; output
    deltas and state changes are not kept: outputs and writes say the same."""
    found: list[Event] = [
        event_from_json(json.loads(data))
        for (data,) in connection.execute("select data from event where run=? and seq>?", (kept.n, after))
    ]
    for path, skipped, started, finished, start_seq, seq, attempts, cached, recovered in connection.execute(
        "select path, skipped, started, finished, start_seq, seq, attempts, cached, recovered from step where run=?",
        (kept.n,),
    ):
        if skipped is not None:
            found.append(StepSkipped(kept.id, seq, finished, path, skipped))
            continue
        if start_seq is not None:
            found.append(StepStarted(kept.id, start_seq, started, path))
        found.append(StepFinished(kept.id, seq, finished, path, finished - started, attempts, bool(cached), recovered))
    return sorted((e for e in found if e.seq > after), key=lambda e: e.seq)


@dataclass(frozen=True, slots=True)
class StepSummary:
    path: str
    duration_s: float
    attempts: int
    cached: bool
    share: float
    """Of the run's time from its first step's start to its last one's end."""


@dataclass(frozen=True, slots=True)
class Summary:
    steps: int
    skipped: int
    busy_s: float
    """Time of all steps together; divided by `wall_s`, how parallel the run was."""
    wall_s: float
    slowest: tuple[StepSummary, ...]
    hints: tuple[str, ...]


def summarise(connection: sqlite3.Connection, kept: KeptRun) -> Summary:
    """Where the time of a run went, and what could be done about it."""
    rows = connection.execute(
        "select path, skipped, started, finished, attempts, cached from step where run=? order by seq", (kept.n,)
    ).fetchall()
    ran = [r for r in rows if r[1] is None]
    if not ran:
        return Summary(0, len(rows), 0.0, 0.0, (), ())
    wall_s = max(1e-9, max(r[3] for r in ran) - min(r[2] for r in ran))
    inner = [r for r in ran if not any(o[0] != r[0] and _inside(o[0], r[0]) for o in ran)]
    steps = [StepSummary(r[0], r[3] - r[2], r[4], bool(r[5]), (r[3] - r[2]) / wall_s) for r in inner]
    slowest = tuple(sorted(steps, key=lambda s: -s.duration_s)[:5])
    busy_s = sum(s.duration_s for s in steps)
    return Summary(
        len(ran), len(rows) - len(ran), busy_s, wall_s, slowest, tuple(_hints(slowest, steps, busy_s, wall_s))
    )


def _inside(path: str, around: str) -> bool:
    return path.startswith((f"{around}/", f"{around}["))


def _hints(slowest: tuple[StepSummary, ...], steps: list[StepSummary], busy_s: float, wall_s: float) -> list[str]:
    hints: list[str] = []
    top = slowest[0]
    if top.share >= 0.5 and len(steps) > 1:
        hints.append(f"`{top.path}` takes {top.share:.0%} of the run; everything else waits for it or is quick")
    hints += [
        f"`{s.path}` needed {s.attempts} attempts: its failed ones are in `codefactory runs logs`"
        for s in steps
        if s.attempts > 1
    ][:3]
    if len(steps) >= 4 and wall_s > 1 and busy_s / wall_s < 1.1:
        hints.append("the steps ran one after another; those that do not need each other could run side by side")
    return hints
