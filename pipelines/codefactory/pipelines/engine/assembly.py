"""`assemble()`: drafts of steps, from the Python builder or from a definition, become a plan."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .errors import PlanError
from .plan import Plan, Step, ancestor_bits, topological
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .budget import Budget
    from .channel import Channel
    from .plan import Input, Mode
    from .scope import Scope


_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Calls:
    """What a draft becomes once the indices of all steps are known."""

    call: Callable[[Scope], Any]
    mode: Mode
    arguments: Callable[[Scope], Any] | None = None
    when: Callable[[Scope], bool] | None = None


@dataclass(slots=True)
class Draft:
    """A step that does not know its index yet. `build` gets index-of-name and a function that gives the Step."""

    name: str
    build: Callable[[Callable[[str], int], Callable[[], Step]], Calls]
    needs: dict[str, None] = field(default_factory=dict[str, None])
    policy: Policy = field(default_factory=Policy)
    type: str = "function"
    version: str = ""
    router: Callable[[Any], Any] | None = None
    routes: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    writes: tuple[str, ...] = ()
    output_type: Any = None
    output_check: Callable[[Any], str | None] | None = None
    body: Plan | None = None
    deferred: dict[str, Callable[[Scope], Any]] = field(default_factory=dict[str, "Callable[[Scope], Any]"])
    effects: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """ "; did you mean `x`?", or the choices where none is close."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there is {', '.join(f'`{k}`' for k in sorted(known)[:8])}" if known else "; there is none"


def assemble(
    name: str,
    drafts: Sequence[Draft],
    *,
    inputs: Mapping[str, Input] | None = None,
    channels: Mapping[str, Channel] | None = None,
    outputs: Callable[[Callable[[str], int]], Callable[[Scope], dict[str, Any]]] | None = None,
    budget: Budget | None = None,
    concurrency: int | None = None,
    source: str | None = None,
    version: str = "",
) -> Plan:
    """Order the steps and connect them. Raises PlanError."""
    by_name = {draft.name: draft for draft in drafts}
    _check(name, drafts, by_name, channels or {})
    stands_in: dict[str, Draft] = {}
    for draft in drafts:
        if draft.policy.on_error is not None and draft.policy.on_error.fallback is not None:
            stands_in[draft.policy.on_error.fallback] = draft
    for other, primary in stands_in.items():
        primary.needs |= by_name[other].needs
    main = [draft for draft in drafts if draft.name not in stands_in]
    for draft in main:
        for need in draft.needs:
            if need in stands_in:
                primary = stands_in[need].name
                raise PlanError(
                    f"step `{draft.name}` needs `{need}`, which runs only when `{primary}` fails; "
                    f"need `{primary}`: it has the fallback's output then"
                )
    position = {draft.name: i for i, draft in enumerate(main)}
    edges = [(position[need], i) for i, draft in enumerate(main) for need in draft.needs]
    order = topological(len(main), edges, [draft.name for draft in main])
    ordered = [main[i] for i in order]
    index = {draft.name: i for i, draft in enumerate(ordered)}
    needs = [tuple(sorted(index[need] for need in draft.needs)) for draft in ordered]
    successors: list[list[int]] = [[] for _ in ordered]
    for i, before in enumerate(needs):
        for b in before:
            successors[b].append(i)
    steps = tuple(_step(d, i, needs[i], tuple(successors[i]), index) for i, d in enumerate(ordered))
    fallbacks = {
        other: _step(by_name[other], index[primary.name], (), (), index) for other, primary in stands_in.items()
    }
    return Plan(
        name,
        steps,
        version or _version(name, drafts),
        inputs or {},
        channels or {},
        outputs(index.__getitem__) if outputs is not None else None,
        tuple(len(n) for n in needs),
        tuple(i for i, n in enumerate(needs) if not n),
        tuple(i for i, after in enumerate(successors) if not after),
        index,
        ancestor_bits(needs) if channels else (),
        fallbacks,
        budget,
        concurrency,
        source,
        _NOTHING.union(*(d.effects | (d.body.effects if d.body else _NOTHING) for d in drafts)),
        _NOTHING.union(*(d.secrets | (d.body.secrets if d.body else _NOTHING) for d in drafts)),
    )


def _check(name: str, drafts: Sequence[Draft], by_name: dict[str, Draft], channels: Mapping[str, Channel]) -> None:
    if len(by_name) < len(drafts):
        names = [draft.name for draft in drafts]
        twice = next(n for n in names if names.count(n) > 1)
        raise PlanError(f"pipeline `{name}` has two steps called `{twice}`; give one another name")
    for draft in drafts:
        for need in draft.needs:
            if need not in by_name:
                raise PlanError(
                    f"step `{draft.name}` needs `{need}`, which is no step{did_you_mean(need, list(by_name))}"
                )
        fallback = draft.policy.on_error.fallback if draft.policy.on_error else None
        if fallback is not None and fallback not in by_name:
            raise PlanError(
                f"the fallback of step `{draft.name}` is `{fallback}`, which is no step"
                f"{did_you_mean(fallback, list(by_name))}"
            )
        for channel in draft.writes:
            if channel not in channels:
                raise PlanError(
                    f"step `{draft.name}` writes to `{channel}`, which is no channel"
                    f"{did_you_mean(channel, list(channels))}"
                )


def _step(
    draft: Draft, index: int, needs: tuple[int, ...], successors: tuple[int, ...], names: Mapping[str, int]
) -> Step:
    holder: list[Step] = []
    calls = draft.build(names.__getitem__, lambda: holder[0])
    policy = replace(draft.policy, when=calls.when) if calls.when is not None else draft.policy
    step = Step(
        draft.name,
        index,
        calls.call,
        calls.mode,
        needs,
        successors,
        policy,
        policy.plain and calls.mode not in ("thread", "pieces") and not draft.writes and draft.output_check is None,
        draft.type,
        draft.version,
        calls.arguments,
        draft.router,
        {label: tuple(names[t] for t in targets) for label, targets in draft.routes.items()},
        draft.writes,
        draft.output_type,
        draft.output_check,
        draft.body,
        draft.deferred,
        draft.effects,
        draft.secrets,
    )
    holder.append(step)
    return step


def _version(name: str, drafts: Sequence[Draft]) -> str:
    parts = [
        [
            d.name,
            d.type,
            d.version,
            sorted(d.needs),
            repr(replace(d.policy, when=None)),
            sorted(d.routes.items()),
            d.writes,
            d.body.version if d.body else "",
        ]
        for d in drafts
    ]
    return hashlib.sha256(json.dumps([name, parts], default=str).encode()).hexdigest()[:16]
