"""Code actions: what can be done about the findings at a place, worked out from the document as it is now.

No action carries an edit: editors apply those without looking at the document's version. Each carries a command, which
judges the change, and applies it for exactly the version it was made for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from codefactory.analyzers import Safety
from codefactory.server import convert
from codefactory.server.analyses import options_for
from codefactory.server.suppression import TOOLS

from .diagnostics import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from codefactory.analyzers import Fix, Span
    from codefactory.pipelines.settings import Settings
    from codefactory.server.analyses import Checked
    from codefactory.server.app import Server
    from codefactory.server.capabilities import Capabilities
    from codefactory.server.shown import Shown

FIX_ALL = "source.fixAll.codefactory"
QUICK_FIX = types.CodeActionKind.QuickFix.value
PATIENCE_S = 2.0
"""How long a request waits for the analysis of what was just typed."""
NO_MODEL = (
    "No model: get one with `codefactory models pull qwen2.5-coder-1.5b`, or set codefactory.model.name. It repairs "
    "what no deterministic fixer can decide."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A finding at the place asked about, and its deterministic fixes, best first."""

    item: Shown
    fixes: tuple[Fix, ...]
    same_rule: int
    """How many findings of the document are of this rule."""


def register(server: Server) -> None:
    async def on_code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri, context = params.text_document.uri, params.context
        kinds = [str(getattr(kind, "value", kind)) for kind in context.only or ()]
        checked = await server.analyses.complete(uri, PATIENCE_S)
        if checked is None:
            return []
        actions: list[types.CodeAction] = []
        if wants(kinds, QUICK_FIX):
            span = convert.from_range(params.range, checked.snapshot.lines, server.client.encoding)
            choices = await _choices(server, checked, span, convert.fingerprints(context.diagnostics))
            undecided = any(not choice.fixes for choice in choices)
            model = await _model(server, checked.project.settings, context) if undecided else None
            actions += quick_fixes(choices, checked, server.client.capabilities, model, context.diagnostics)
        if wants(kinds, FIX_ALL) and checked.snapshot.language == "python":
            actions.append(fix_all(uri))
        return actions

    options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL])
    server.on(types.TEXT_DOCUMENT_CODE_ACTION, on_code_action, options)


async def _model(server: Server, settings: Settings, context: types.CodeActionContext) -> str | None:
    """What a model would be asked for a repair. Servers are looked for only when the user has opened the menu."""
    from codefactory.pipelines.models import ModelError

    name = server.models.name(settings)
    if name is not None or settings.model.name is not None:
        return name
    if context.trigger_kind != types.CodeActionTriggerKind.Invoked:
        await server.models.remember(settings)
        return server.models.name(settings)
    try:
        return (await server.models.choose(settings)).name
    except ModelError:
        return None


async def _choices(server: Server, checked: Checked, span: Span, named: Collection[str]) -> list[Choice]:
    everything = visible(checked).items
    items = at(everything, span, named)
    fixes: Mapping[str, tuple[Fix, ...]] = {}
    if checked.complete:  # places that were only moved do not bear an edit
        findings = [finding for item in items for finding in item.all]
        fixes = await server.fixes.of(checked.snapshot, findings, options_for(checked.project, checked.snapshot))
    rules = [item.finding.rule for item in everything]
    return [Choice(item, merged_fixes(item, fixes), rules.count(item.finding.rule)) for item in items]


def wants(only: Sequence[str], kind: str) -> bool:
    """Whether a request for `only` these kinds includes `kind`; "source" includes "source.fixAll"."""
    return not only or any(kind == o or kind.startswith(f"{o}.") for o in only)


def at(items: Iterable[Shown], span: Span, named: Collection[str]) -> list[Shown]:
    """Those whose lines `span` touches, or that the client named: its own ranges may be out of date."""
    return [
        item
        for item in items
        if (item.finding.span.start.line <= span.end.line and span.start.line <= item.finding.span.end.line)
        or not set(item.fingerprints).isdisjoint(named)
    ]


def merged_fixes(item: Shown, fixes: Mapping[str, tuple[Fix, ...]]) -> tuple[Fix, ...]:
    """Of a finding and its twin, safe ones first, equal edits once."""
    found = {fix.edits: fix for f in reversed(item.all) for fix in reversed(fixes.get(f.fingerprint, ()))}
    return tuple(sorted(found.values(), key=lambda fix: fix.safety is Safety.REVIEW))


def quick_fixes(
    choices: Iterable[Choice],
    checked: Checked,
    capabilities: Capabilities,
    model: str | None,
    diagnostics: Sequence[types.Diagnostic],
) -> list[types.CodeAction]:
    uri = checked.snapshot.uri
    actions: list[types.CodeAction] = []
    for choice in choices:
        about = [d for d in diagnostics if not convert.fingerprints([d]).isdisjoint(choice.item.fingerprints)]
        about = about or [convert.diagnostic_value(choice.item, checked.snapshot.lines, capabilities.encoding)]
        target = {"uri": uri, "fingerprints": list(choice.item.fingerprints)}
        actions += _deterministic(choice, target, about)
        if not choice.fixes:  # where a fixer can decide, a repair would ask no model
            actions += _by_model(choice, target, about, capabilities, model)
        actions += _suppression(choice, target, about)
    return actions


def _deterministic(choice: Choice, target: dict[str, Any], about: list[types.Diagnostic]) -> Iterable[types.CodeAction]:
    for index, fix in enumerate(choice.fixes):
        arguments = target | {"fixer": fix.fixer, "title": fix.title}
        action = _action(fix_title(fix), "codefactory.applyFix", arguments, about)
        action.is_preferred = index == 0
        yield action
    if choice.fixes and choice.same_rule > 1:
        code = choice.item.finding.code
        arguments = {"uri": target["uri"], "rule": choice.item.finding.rule}
        yield _action(f"Fix all {choice.same_rule} {code} in this file", "codefactory.fixAll", arguments, about)


def fix_title(fix: Fix) -> str:
    """With its safety, and with what the author has to know where there is something."""
    notes = [*fix.notes, *(f"needs {name}" for name in fix.dependencies)]
    note = ": " + notes[0].removesuffix(".") if notes else ""
    return f"{fix.title} ({fix.safety.value}{note})"


def _by_model(
    choice: Choice,
    target: dict[str, Any],
    about: list[types.Diagnostic],
    capabilities: Capabilities,
    model: str | None,
) -> Iterable[types.CodeAction]:
    code = choice.item.finding.code
    if model is None:
        if capabilities.disabled_actions:
            action = types.CodeAction(f"Repair {code} with a model", types.CodeActionKind.QuickFix, about)
            action.disabled = types.CodeActionDisabled(NO_MODEL)
            yield action
        return
    action = _action(f"Repair {code} with {model} (review)", "codefactory.repairFinding", target, about)
    if capabilities.llm_tag:
        action.tags = [types.CodeActionTag.LlmGenerated]
    yield action


def _suppression(choice: Choice, target: dict[str, Any], about: list[types.Diagnostic]) -> Iterable[types.CodeAction]:
    tools = [f for f in choice.item.all if f.tool in TOOLS]
    if tools and choice.item.finding.code not in ("invalid-syntax", "syntax-error"):
        codes = " and ".join(f.code for f in tools)
        yield _action(f"Suppress {codes} here, with a reason", "codefactory.suppress", target, about)


def fix_all(uri: str) -> types.CodeAction:
    title = "Fix all findings that have a safe fix"
    command = types.Command(title, "codefactory.fixAll", arguments=[{"uri": uri}])
    return types.CodeAction(title, FIX_ALL, command=command)


def _action(title: str, command: str, arguments: dict[str, Any], about: list[types.Diagnostic]) -> types.CodeAction:
    return types.CodeAction(
        title, types.CodeActionKind.QuickFix, about, command=types.Command(title, command, arguments=[arguments])
    )
