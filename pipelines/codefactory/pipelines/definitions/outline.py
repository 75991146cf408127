"""A plan in words: its steps in levels that can run side by side, and as a Mermaid diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codefactory.pipelines.engine.plan import Plan, Step


def levels(plan: Plan) -> list[list[Step]]:
    """Steps of one level need none of the same level."""
    depth: list[int] = []
    for step in plan.steps:
        depth.append(1 + max((depth[i] for i in step.needs), default=-1))
    found: list[list[Step]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for step in plan.steps:
        found[depth[step.index]].append(step)
    return found


def outline(plan: Plan, indent: str = "") -> str:
    """One line a step, level by level, bodies below their step."""
    lines: list[str] = []
    for number, level in enumerate(levels(plan), 1):
        for step in level:
            needs = ", ".join(plan.steps[i].name for i in step.needs)
            notes = "".join(f" {note}" for note in _notes(step))
            lines.append(f"{indent}{number}. {step.name} ({step.type}){f' ← {needs}' if needs else ''}{notes}")
            if step.body is not None:
                lines.append(outline(step.body, f"{indent}   "))
    for name, step in plan.fallbacks.items():
        lines.append(f"{indent}↯ {name} ({step.type}) in the place of {plan.steps[step.index].name}, if that fails")
    return "\n".join(lines)


def _notes(step: Step) -> list[str]:
    policy = step.policy
    notes: list[str] = []
    if policy.when is not None:
        notes.append("[conditional]")
    if policy.retry.attempts > 1:
        notes.append(f"[up to {policy.retry.attempts} attempts]")
    if policy.timeout_s is not None:
        notes.append(f"[{policy.timeout_s:g} s]")
    if policy.cache is not None:
        notes.append("[cached]")
    return notes


def mermaid(plan: Plan) -> str:
    """A flowchart that Markdown viewers draw."""
    lines = ["flowchart TD"]
    lines += [f'  s{s.index}["{s.name}<br/><small>{s.type}</small>"]' for s in plan.steps]
    lines += [f"  s{before} --> s{s.index}" for s in plan.steps for before in s.needs]
    return "\n".join(lines) + "\n"
