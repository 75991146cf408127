"""`Fixes`: what deterministic fixers can do about findings, asked for once per version of a document."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from codefactory.analyzers.worker import WorkerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Analyzers, Finding, Fix, Options, Snapshot


class Fixes:
    """For the event loop only."""

    def __init__(self, analyzers: Analyzers) -> None:
        self._analyzers = analyzers
        self._known: weakref.WeakKeyDictionary[Snapshot, dict[str, tuple[Fix, ...]]] = weakref.WeakKeyDictionary()

    async def of(self, snapshot: Snapshot, findings: Sequence[Finding], options: Options) -> dict[str, tuple[Fix, ...]]:
        """Fingerprint → fixes, best first. `findings` are of this very snapshot. Where our fixers fail, the tools'
        own fixes remain."""
        known = self._known.setdefault(snapshot, {})
        missing = [f for f in findings if f.fingerprint not in known]
        if missing:
            try:
                outcomes = await asyncio.to_thread(self._analyzers.fixes, snapshot, missing, options)
            except WorkerError:
                return known | {f.fingerprint: (f.fix,) if f.fix else () for f in missing}
            known |= {o.fingerprint: o.fixes for o in outcomes}
            self._known[snapshot] = known
        return known
