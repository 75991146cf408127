"""`propose()`: a change that somebody chose, a fix from a menu or some hunks of a proposal, through the same gate."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from codefactory.analyzers import Options

from .proposal import Evidence, Proposal, Refusal
from .repair.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Collection

    from codefactory.analyzers import Analyzers, Snapshot

    from .gate import UsesElsewhere
    from .proposal import AppliedFix


async def propose(
    snapshot: Snapshot,
    text: str,
    analyzers: Analyzers,
    *,
    options: Options | None = None,
    only: Collection[str] | None = None,
    uses: UsesElsewhere | None = None,
    fixes: tuple[AppliedFix, ...] = (),
    dependencies: tuple[str, ...] = (),
    whole: Proposal | None = None,
) -> Proposal | Refusal:
    """`text` instead of the snapshot's, if the gate accepts it.

    `only`: fingerprints of the findings it is for; None means all. `whole`: the proposal that the change is a part of,
    which says where it comes from. Raises CancelledError only.
    """
    started = time.perf_counter()
    bench = Workbench(snapshot, analyzers, options or Options(), only, uses, lambda _: None)
    before = await bench.start()
    after, analysis = await bench.candidate(text)
    verdict = await bench.judge(before, after, analysis, by_model=whole is not None and whole.origin != "fixers")
    if not verdict.accepted:
        reason = "; ".join(r.message for r in verdict.reasons)
        return Refusal(snapshot, f"The gate refused it: {reason}", bench.targets(before), problems=analysis.problems)
    evidence = Evidence(
        verdict=verdict,
        analyzers=analysis.analyzers,
        problems=analysis.problems,
        fixes=fixes,
        dependencies=dependencies,
        duration_s=time.perf_counter() - started,
    )
    if whole is not None:
        evidence = replace(whole.evidence, verdict=verdict, analyzers=analysis.analyzers, problems=analysis.problems)
    return Proposal(uuid.uuid4().hex[:12], snapshot, text, evidence, whole.origin if whole else "fixers")
