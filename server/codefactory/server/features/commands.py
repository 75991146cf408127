"""Commands. Each takes one JSON object; a bare string means its `uri`.

Repairs return {"job": id} at once and go on as jobs. What they end with, and whether it was applied, comes with the
job's last notification and, for clients without a view of their own, as a question to the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pygls.exceptions import JsonRpcInvalidParams

from codefactory.analyzers import Safety
from codefactory.server import repairs, touched
from codefactory.server.apply import Change, Outcome
from codefactory.server.as_json import refusal_to_json
from codefactory.server.evidence import entry_to_markdown, refusal_to_markdown, summary
from codefactory.server.suppression import suppress

from .diagnostics import visible
from .proposals import proposal_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from codefactory.pipelines.proposal import Proposal, Refusal
    from codefactory.server.analyses import Checked
    from codefactory.server.app import Server
    from codefactory.server.jobs import Job
    from codefactory.server.proposals import Entry
    from codefactory.server.shown import Shown

    Command = Callable[[Server, Mapping[str, Any]], Awaitable[Any]]

PATIENCE_S = 10.0


def register(server: Server) -> None:
    for name, command in COMMANDS.items():
        server.on_command(name, _handler(server, command))


def _handler(server: Server, command: Command) -> Callable[..., Awaitable[Any]]:
    async def handle(*arguments: Any) -> Any:
        return await command(server, parameters(arguments))

    return handle


def parameters(arguments: Sequence[Any]) -> Mapping[str, Any]:
    """Raises JsonRpcInvalidParams."""
    if not arguments:
        return {}
    first = arguments[0]
    if isinstance(first, str):
        return {"uri": first}
    if not isinstance(first, dict):
        raise JsonRpcInvalidParams("The argument must be an object or a document's URI.")
    return cast("dict[str, Any]", first)


def required(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise JsonRpcInvalidParams(f"The argument {name!r} is missing.")
    return value


async def repair_file(server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """{uri, fingerprints?, range?}: repair a document, or some findings of it, or those in a range."""
    uri = required(values, "uri")
    only = [str(f) for f in values["fingerprints"]] if values.get("fingerprints") else None
    where = touched.range_of(values["range"]) if values.get("range") else None

    async def work(job: Job) -> dict[str, Any]:
        snapshot = await repairs.document(server, uri)
        if snapshot is None:
            return say_nothing_done(server, f"{uri} cannot be read.")
        chosen = only if where is None else await touched.fingerprints_in(server, uri, where)
        if chosen is not None and not chosen:
            return say_nothing_done(server, "There is no finding in the selection.")
        result = await repairs.repair(server, snapshot, only=chosen, report=lambda m: server.jobs.report(job, m))
        return await conclude(server, result)

    return {"job": server.jobs.start("Repairing", work, uri).id}


async def repair_workspace(server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """{folder?}: repair all files of one workspace folder or of all."""
    from codefactory.server.workspace import files

    wanted = values.get("folder")
    folders = [f for f in server.configuration.folders if wanted in (None, f.uri) and f.path is not None]

    async def work(job: Job) -> dict[str, Any]:
        entries: list[Entry] = []
        problems: list[str] = []
        uris = await files(folders)
        for number, uri in enumerate(uris, 1):
            server.jobs.report(job, f"{number} of {len(uris)} files, {len(entries)} proposals")
            snapshot = await repairs.document(server, uri)
            if snapshot is None:
                problems.append(f"{uri} cannot be read.")
                continue
            result = await repairs.repair(server, snapshot)
            if result.kind == "proposal":
                entries.append(server.proposals.add(result))
        if not entries:
            return say_nothing_done(server, "There is nothing to repair in this workspace.") | {"problems": problems}
        message = f"{len(entries)} files can be repaired"
        offer(server, entries, message)
        return {"message": message, "proposals": [e.proposal.id for e in entries], "problems": problems}

    return {"job": server.jobs.start("Repairing the workspace", work).id}


async def conclude(server: Server, result: Proposal | Refusal) -> dict[str, Any]:
    """What a job ends with: a refusal is told, a safe change applied, anything else offered."""
    if result.kind == "refusal":
        said = say_nothing_done(server, result.reason)
        return said | {"refusal": refusal_to_json(result), "markdown": refusal_to_markdown(result)}
    entry = server.proposals.add(result)
    said = {"message": summary(result), "proposal": result.id, "safety": result.safety.value}
    if server.client.capabilities.previews:
        return said
    if result.safety is Safety.SAFE:
        outcome = await repairs.apply_proposal(server, entry)
        tell(server, outcome)
        return said | {"outcome": outcome.as_json()}
    offer(server, [entry], summary(result))
    return said


def say_nothing_done(server: Server, why: str) -> dict[str, Any]:
    """Clients with a view of their own read it from the job's result."""
    if not server.client.capabilities.previews:
        server.client.show(f"Code Factory: {why}")
    return {"message": why}


def offer(server: Server, entries: Sequence[Entry], message: str) -> None:
    """Ask for a yes, in clients that have no view of their own. Nobody waits for the answer."""
    if server.client.capabilities.previews:
        return

    async def ask() -> None:
        answer = await server.client.ask(f"Code Factory: {message}. Apply?", ("Apply", "Discard"))
        for entry in entries:
            if entry.status != "open":
                continue
            if answer == "Apply":
                tell(server, await repairs.apply_proposal(server, entry))
            elif answer == "Discard":
                entry.decide(entry.open, "rejected")

    server.spawn(ask())


def tell(server: Server, outcome: Outcome) -> None:
    """Say what went wrong; that something was applied is seen."""
    if outcome.status != "applied":
        server.client.show(f"Code Factory: {outcome.message}", "warning")


async def apply_fix(server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """{uri, fingerprints, fixer, title}: a deterministic fix for a finding, judged and applied."""
    checked, item = await _target(server, values)
    if checked is None or item is None:
        return _told(server, Outcome("conflict", "The finding is not there any more. Nothing was changed."))
    options = repairs.options_for(checked.project, checked.snapshot)
    fixes = await server.fixes.of(checked.snapshot, item.all, options)
    wanted = values.get("fixer"), values.get("title")
    fix = next((x for f in item.all for x in fixes.get(f.fingerprint, ()) if (x.fixer, x.title) == wanted), None)
    if fix is None:
        return _told(server, Outcome("conflict", "This fix does not fit any more. Nothing was changed."))
    result = await repairs.propose_fix(server, checked.snapshot, item, fix)
    return await _applied(server, result)


async def fix_all(server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """{uri, rule?}: all safe fixes of a document; with a rule all fixes for it."""
    uri, rule = required(values, "uri"), values.get("rule")
    checked = await server.analyses.complete(uri, PATIENCE_S)
    if checked is None:
        return _told(server, Outcome("conflict", f"{uri} is not open."))
    items = [item for item in visible(checked).items if rule in (None, item.finding.rule)]
    only = None if rule is None else [f for item in items for f in item.fingerprints]
    if not items:
        return Outcome("unchanged", "There is nothing to fix.").as_json()
    allow = Safety.SAFE if rule is None else Safety.REVIEW
    result = await repairs.repair(server, checked.snapshot, only=only, allow=allow, by_model=False)
    if result.kind == "refusal" and rule is None:  # fixing on save must not nag
        return Outcome("unchanged", result.reason).as_json()
    return await _applied(server, result)


async def suppress_finding(server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """{uri, fingerprints, reason?}: silence a finding where it stands. The user's own decision, so no gate is asked,
    but the finding must be gone and nothing else changed."""
    checked, item = await _target(server, values)
    if checked is None or item is None:
        return _told(server, Outcome("conflict", "The finding is not there any more. Nothing was changed."))
    snapshot, reason = checked.snapshot, values.get("reason")
    edits = suppress(snapshot.lines, item.all, reason if isinstance(reason, str) else None)
    codes = " and ".join(f.code for f in item.all)
    if not await repairs.silences(server, checked, snapshot.lines.apply(edits), item):
        message = f"{codes} cannot be suppressed by a comment here. Nothing was changed."
        return _told(server, Outcome("refused", message))
    return _told(server, await server.applier.apply(Change(snapshot, edits, f"Suppress {codes}")))


async def apply_proposal(server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """{proposal, hunks?}: apply what is open of a proposal, or those hunks of it."""
    entry = server.proposals.get(required(values, "proposal"))
    if entry is None:
        return _told(server, Outcome("conflict", "This proposal is not kept any more. Nothing was changed."))
    numbers = _hunks(entry, values)
    if not numbers or "applied" in {entry.decisions[number] for number in numbers}:
        return _told(server, Outcome("conflict", "This was decided before. Nothing was changed."))
    return _told(server, await repairs.apply_proposal(server, entry, numbers))


async def discard_proposal(server: Server, values: Mapping[str, Any]) -> bool:
    """{proposal, hunks?}: reject what is open of a proposal, or of those hunks. False if nothing of it is open."""
    entry = server.proposals.get(required(values, "proposal"))
    numbers = [] if entry is None else [n for n in _hunks(entry, values) if n in entry.open]
    if entry is None or not numbers:
        return False
    entry.decide(numbers, "rejected")
    return True


def _hunks(entry: Entry, values: Mapping[str, Any]) -> Sequence[int]:
    """The numbers that were named, else those of the open ones. Raises JsonRpcInvalidParams."""
    hunks = values.get("hunks")
    if not isinstance(hunks, list):
        return entry.open
    chosen = cast("list[object]", hunks)
    numbers = [h for h in chosen if isinstance(h, int) and 0 <= h < len(entry.proposal.edits)]
    if len(numbers) != len(chosen) or not numbers:
        raise JsonRpcInvalidParams("hunks must be numbers of this proposal's hunks, from 0.")
    return numbers


async def cancel(server: Server, values: Mapping[str, Any]) -> bool:
    """{job?}: end a job, or all of them; the processes they started have ended on return."""
    job = values.get("job")
    ids = [str(job)] if job is not None else [j.id for j in server.jobs.running]
    return any([await server.jobs.cancel(job_id) for job_id in ids])


async def show_evidence(server: Server, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """{proposal?, uri?}: the evidence of a proposal, or of the last one; null when there is none."""
    wanted, uri = values.get("proposal"), values.get("uri")
    entry = server.proposals.get(wanted) if isinstance(wanted, str) else server.proposals.latest(uri)
    if entry is None:
        return None
    return {"json": proposal_json(entry, server.client.encoding), "markdown": entry_to_markdown(entry)}


async def _target(server: Server, values: Mapping[str, Any]) -> tuple[Checked | None, Shown | None]:
    """The finding a command is about, in the document as it is now."""
    uri = required(values, "uri")
    named = {str(f) for f in values.get("fingerprints") or ()}
    checked = await server.analyses.complete(uri, PATIENCE_S)
    if checked is None or not checked.complete:
        return None, None
    items = visible(checked).items
    return checked, next((item for item in items if not named.isdisjoint(item.fingerprints)), None)


async def _applied(server: Server, result: Proposal | Refusal) -> dict[str, Any]:
    if result.kind == "refusal":
        return _told(server, Outcome("refused", result.reason))
    entry = server.proposals.add(result)
    return _told(server, await repairs.apply_proposal(server, entry)) | {"proposal": result.id}


def _told(server: Server, outcome: Outcome) -> dict[str, Any]:
    tell(server, outcome)
    return outcome.as_json()


COMMANDS: dict[str, Command] = {
    "codefactory.repairFile": repair_file,
    "codefactory.repairFinding": repair_file,
    "codefactory.repairWorkspace": repair_workspace,
    "codefactory.applyFix": apply_fix,
    "codefactory.fixAll": fix_all,
    "codefactory.suppress": suppress_finding,
    "codefactory.applyProposal": apply_proposal,
    "codefactory.discardProposal": discard_proposal,
    "codefactory.cancel": cancel,
    "codefactory.showEvidence": show_evidence,
}
