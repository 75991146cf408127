"""The foreign pipeline as a whole. Its steps run one after another, so each of ours needs the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.definitions.conversion import dump_yaml
from codefactory.pipelines.definitions.source import SourceError, parse
from codefactory.pipelines.engine.assembly import did_you_mean
from codefactory.pipelines.engine.values import is_list, is_mapping

from .notes import Notes
from .steps import LEAVES, LOOPS
from .text import condition

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding
    from codefactory.pipelines.definitions.source import Format, Source

    from .notes import Where

_COMMON = {"name", "type", "condition", "role", "timeout_seconds", "max_retries"}
_CARRIED = {"name", "description", "steps", "gemini_functions"}


@dataclass(frozen=True, slots=True)
class Imported:
    """`text` is a `version: 1` definition; `findings` say what is not in it, at places of the foreign text."""

    text: str
    data: dict[str, Any]
    findings: tuple[Finding, ...]


def import_workflow(text: str, format_: Format = "yaml") -> Imported:
    """Translate. Raises SourceError for what is no `workflow:` pipeline."""
    source = parse(text, format_)
    findings: list[Finding] = []
    data = import_data(source.data, source, (), findings)
    return Imported(dump_yaml(data), data, tuple(sorted(findings, key=lambda f: f.span)))


def import_data(data: Any, source: Source, at: Where, findings: list[Finding]) -> dict[str, Any]:
    workflow: Any = data.get("workflow") if is_mapping(data) else None
    if not is_mapping(workflow) or not is_list(workflow.get("steps")):
        raise SourceError("this is no foreign pipeline: it has no `workflow` with a list of `steps`", source.place(at))
    where: Where = at or ("workflow",)
    notes = Notes(source, findings, functions=dict(workflow.get("gemini_functions") or {}))
    for key in workflow:
        if key not in _CARRIED:
            notes.lost(f"`{key}` of the workflow has no counterpart and is left out.", (*where, str(key)))
    if notes.functions:
        notes.lost("functions are not part of a definition: register them as tools.", (*where, "gemini_functions"))
    steps = body(workflow["steps"], notes, (*where, "steps"))
    made: dict[str, Any] = {"version": 1, "name": str(workflow.get("name", "imported"))}
    if "description" in workflow:
        made["description"] = str(workflow["description"])
    if notes.files:
        made["inputs"] = {
            name: {"type": "string", "description": f"The content of {path}."} for name, path in notes.files.items()
        }
    return {**made, "steps": steps}


def body(steps: list[Any], notes: Notes, where: Where) -> dict[str, Any]:
    """Steps in order; a step that cannot be translated at all is left out with a finding."""
    made: dict[str, Any] = {}
    previous: str | None = None
    for i, step in enumerate(steps):
        at = (*where, i)
        if not is_mapping(step) or "type" not in step:
            notes.lost("this is no step: it has no `type`; it is left out.", at, severity="high")
            continue
        step.setdefault("name", f"step {i + 1}")
        translated = _step(step, notes, at)
        if translated is None:
            continue
        name = notes.name(str(step["name"]))
        if previous is not None:
            translated["needs"] = [previous]
            # A step that was skipped does not stop the ones after it in the foreign program.
            translated["join"] = "any" if "when" in made[previous] or made[previous].get("join") else "all"
            if translated["join"] == "all":
                del translated["join"]
        made[name] = translated
        previous = name
    return made


def _step(step: dict[str, Any], notes: Notes, where: Where) -> dict[str, Any] | None:
    kind = str(step["type"])
    if kind in LEAVES:
        translate, keys = LEAVES[kind]
        made = translate(step, notes, where)
    elif kind in LOOPS:
        loop, keys = LOOPS[kind]
        made = loop(step, notes, where, body)
    else:
        hint = did_you_mean(kind, [*LEAVES, *LOOPS])
        notes.lost(f"`{kind}` is no known type of step{hint}; it is left out.", (*where, "type"), severity="high")
        return None
    if "condition" in step and kind != "while_loop":
        made["when"] = condition(step["condition"], notes, (*where, "condition"))
    if "timeout_seconds" in step:
        made["timeout_s"] = step["timeout_seconds"]
    if "max_retries" in step:
        made["retry"] = {"attempts": int(step["max_retries"]) + 1}
    notes.leftovers(step, keys | _COMMON, where)
    return made
