"""What the server asks `pipelines` for: proposals, and a second look at a change that had to be moved."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .analyses import options_for
from .apply import Change, Outcome, read
from .evidence import summary
from .model_support import MISSING, is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from codefactory.analyzers import Fix, Safety, Snapshot, Span
    from codefactory.analyzers.graph.context import ContextPack
    from codefactory.pipelines.ledger import Account
    from codefactory.pipelines.models import Model
    from codefactory.pipelines.project import Project
    from codefactory.pipelines.prompts import Related
    from codefactory.pipelines.proposal import Proposal, Refusal
    from codefactory.pipelines.settings import ModelSettings, Settings

    from .analyses import Checked
    from .app import Server
    from .folder_graph import FolderGraph
    from .proposals import Entry
    from .shown import Shown


async def document(server: Server, uri: str) -> Snapshot | None:
    """The open document, else the file."""
    return server.session.snapshot(uri) or await asyncio.to_thread(read, uri)


async def project_of(server: Server, snapshot: Snapshot) -> Project:
    await server.analyses.ready()
    return server.configuration.known(snapshot) or await asyncio.to_thread(server.configuration.project, snapshot)


async def repair(
    server: Server,
    snapshot: Snapshot,
    *,
    only: Collection[str] | None = None,
    allow: Safety | None = None,
    by_model: bool = True,
    report: Callable[[str], None] = lambda _: None,
) -> Proposal | Refusal:
    """`pipelines.repair` with the document's settings. `allow` overrides the setting; without `by_model` no model is
    asked, whatever is set."""
    from codefactory.pipelines.budget import Budget
    from codefactory.pipelines.prompts import PromptLibrary
    from codefactory.pipelines.repair import project_tests, uses_elsewhere
    from codefactory.pipelines.repair import repair as run

    project = await project_of(server, snapshot)
    settings = project.settings
    model, account = await _asking(server, project) if by_model else (None, None)
    return await run(
        snapshot,
        server.analyses.analyzers,
        options=options_for(project, snapshot),
        only=only,
        allow=allow or settings.repair.allow,
        model=model,
        budget=Budget.of(settings.budget),
        ledger=server.ledger,
        account=account,
        context=await _context(server, snapshot, only) if model is not None else (),
        prompts=PromptLibrary(project.root),
        uses=uses_elsewhere(project, snapshot),
        tests=project_tests(project, snapshot) if by_model else None,
        report=lambda progress: report(progress.message),
    )


async def context_pack(
    server: Server, snapshot: Snapshot, *, only: Collection[str] | None = None, selection: Span | None = None
) -> ContextPack | None:
    """What a model is shown along with a document; None where there is no graph. `only`: fingerprints of the findings
    in question."""
    project = await project_of(server, snapshot)
    checked = await server.analyses.current(snapshot.uri)
    found = checked.analysis.findings if checked is not None and checked.snapshot is snapshot else ()
    limit = project.settings.context.max_tokens

    def choose(graph: FolderGraph, _: str) -> ContextPack | None:
        from codefactory.pipelines.context import choose_context

        return choose_context(
            graph.graph, snapshot, found, limit, only=only, selection=selection, recency=graph.recency()
        )

    return await server.graphs.ask(snapshot.uri, choose)


async def _context(server: Server, snapshot: Snapshot, only: Collection[str] | None) -> tuple[Related, ...]:
    from codefactory.pipelines.context import related_files

    return related_files(await context_pack(server, snapshot, only=only))


async def propose_fix(server: Server, snapshot: Snapshot, item: Shown, fix: Fix) -> Proposal | Refusal:
    """One deterministic fix, chosen from a menu, for a finding of this very snapshot."""
    from codefactory.pipelines.proposal import AppliedFix

    finding = item.finding
    applied = AppliedFix(fix.fixer, fix.title, finding.rule, finding.span.start.line, fix.safety, fix.notes)
    text = snapshot.lines.apply(fix.edits)
    return await _propose(
        server, snapshot, text, only=item.fingerprints, fixes=(applied,), dependencies=fix.dependencies
    )


async def propose_part(server: Server, whole: Proposal, hunks: Sequence[int]) -> Proposal | Refusal:
    """Some hunks of a proposal, by number. The gate has accepted the whole only, so it looks at the part."""
    snapshot = whole.snapshot
    text = snapshot.lines.apply([whole.edits[number] for number in sorted(set(hunks))])
    return await _propose(server, snapshot, text, whole=whole)


async def _propose(server: Server, snapshot: Snapshot, text: str, **about: Any) -> Proposal | Refusal:
    from codefactory.pipelines.chosen import propose
    from codefactory.pipelines.repair import uses_elsewhere

    project = await project_of(server, snapshot)
    options, uses = options_for(project, snapshot), uses_elsewhere(project, snapshot)
    return await propose(snapshot, text, server.analyses.analyzers, options=options, uses=uses, **about)


async def _asking(server: Server, project: Project) -> tuple[Model | None, Account | None]:
    """The model for repairs, by the settings, and the account it is paid from."""
    settings = project.settings
    await asyncio.to_thread(import_module, "codefactory.pipelines.routing.configured")  # it takes too long for the loop
    from codefactory.pipelines.routing.configured import account, route

    run = f"repair-{uuid.uuid4().hex[:8]}"
    default = None if "improve" in settings.model.routes else await _model(server, settings)
    editor = server.models.editor(settings)
    model = route(settings, "improve", default=default, editor=editor, usable=_usable(server), run=run)
    return model, None if model is None else account(settings, str(project.root), run)


def _usable(server: Server) -> Callable[[ModelSettings], bool]:
    """Whether what a model needs is installed; it says so where not."""

    def usable(settings: ModelSettings) -> bool:
        missing = is_missing(settings)
        if missing and not server.client.capabilities.previews:  # a client of ours offers to install it
            server.client.show_once(MISSING)
        return not missing

    return usable


async def _model(server: Server, settings: Settings) -> Model | None:
    """The one to ask. One that was chosen for the user is named before it is asked."""
    from codefactory.pipelines.models import ModelError
    from codefactory.pipelines.models.configured import named

    if not _usable(server)(settings.model):
        return None
    try:
        choice = await server.models.choose(settings)
    except ModelError as error:
        server.client.show_once(str(error))
        return None
    if choice.model is not None and named(settings) is None:
        server.client.show_once(f"Code Factory asks {choice}.", "info")
    return choice.model


async def apply_proposal(server: Server, entry: Entry, hunks: Sequence[int] | None = None) -> Outcome:
    """Apply it, or some hunks of it, which the gate then looks at by themselves. Remembers what came of it."""
    numbers = entry.open if hunks is None else tuple(sorted(set(hunks)))
    if len(numbers) == len(entry.proposal.edits):
        outcome = await _apply(server, entry.proposal)
    else:
        part = await propose_part(server, entry.proposal, numbers)
        outcome = await _apply(server, part) if part.kind == "proposal" else Outcome("refused", part.reason)
    entry.outcome = "" if outcome.status == "applied" else outcome.message
    if outcome.applied:
        entry.decide(numbers, "applied")
    return outcome


async def _apply(server: Server, proposal: Proposal) -> Outcome:
    """Apply it, and remember who wrote what."""

    async def check(now: Snapshot, text: str) -> str | None:
        return await _against(server, now, text)

    outcome = await server.applier.apply(Change(proposal.snapshot, proposal.edits, label(proposal)), check)
    if outcome.status == "applied" and outcome.after is not None and proposal.origin != "fixers":
        server.provenance.record(proposal, outcome)
    return outcome


def label(proposal: Proposal) -> str:
    """For the editor's undo list."""
    return f"Code Factory: {summary(proposal)}"


async def _against(server: Server, now: Snapshot, text: str) -> str | None:
    judged = await _propose(server, now, text)
    return None if judged.kind == "proposal" else judged.reason[0].lower() + judged.reason[1:].rstrip(".")


async def silences(server: Server, checked: Checked, text: str, item: Shown) -> bool:
    """Whether `text` is without the finding, and with all the others."""
    snapshot = checked.snapshot.with_text(text)
    options = options_for(checked.project, checked.snapshot)
    after = await asyncio.to_thread(server.analyses.analyzers.analyze, snapshot, options)
    expected = Counter(f.rule for f in checked.analysis.findings) - Counter(f.rule for f in item.all)
    return Counter(f.rule for f in after.findings) == expected
