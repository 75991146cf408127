"""What a model is shown of the files around the one it works on: chosen once, for the editor and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .prompts import Related

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from codefactory.analyzers import Finding, Snapshot, Span
    from codefactory.analyzers.graph import DependencyGraph
    from codefactory.analyzers.graph.context import ContextPack


def choose_context(
    graph: DependencyGraph,
    snapshot: Snapshot,
    findings: Sequence[Finding],
    max_tokens: int,
    *,
    only: Collection[str] | None = None,
    selection: Span | None = None,
    recency: Mapping[str, float] | None = None,
) -> ContextPack | None:
    """The pack for a repair of `findings`, or of those whose fingerprints are in `only` or that touch `selection`.

    None for a document that is not in the graph. Takes up to some 100 ms: not for an event loop.
    """
    from codefactory.analyzers.graph.context import pack_context

    if graph.locate(snapshot) not in graph:
        return None
    wanted = [
        f
        for f in findings
        if (only is None or f.fingerprint in only) and (selection is None or f.span.touches(selection))
    ]
    return pack_context(graph, snapshot, wanted, max_tokens, selection=selection, recency=recency)


def related_files(pack: ContextPack | None) -> tuple[Related, ...]:
    """As `repair` takes it, the reason for each file in its name."""
    if pack is None:
        return ()
    return tuple(Related(f"{f.path} ({f.kind}; {f.reason or 'related'})", f.text) for f in pack.files)
