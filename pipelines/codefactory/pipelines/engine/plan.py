"""`Plan`: a pipeline, compiled. Immutable; its steps are in topological order and know each other by index."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .errors import PlanError
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .budget import Budget
    from .channel import Channel
    from .scope import Scope

Mode = Literal["async", "inline", "thread", "pieces", "stream"]
"""What `call` gives. `async`: an awaitable. `inline`: the value, at once. `thread`: a function without arguments that
blocks. `pieces`: an async iterator, whose items are published and collected. `stream`: one that a later step reads."""


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""No value, where None is one."""


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a pipeline. `type` is a Python type or None for any."""

    name: str
    type: Any = None
    default: Any = MISSING
    description: str = ""
    check: Callable[[Any], str | None] | None = None
    """What is wrong with a value, in words, beyond its type."""

    @property
    def required(self) -> bool:
        return self.default is MISSING


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One unit of a plan. `call` takes the scope it runs in and returns as `mode` says."""

    name: str
    index: int
    call: Callable[[Scope], Any]
    mode: Mode
    needs: tuple[int, ...]
    successors: tuple[int, ...]
    policy: Policy = field(default_factory=Policy)
    plain: bool = True
    """Whether nothing but the call itself is to be done: no condition, retry, timeout, cache …"""
    type: str = "function"
    version: str = ""
    """Part of the cache key and of the plan's version: what the step's behaviour depends on."""
    arguments: Callable[[Scope], Any] | None = None
    """What the step will see, for the cache key."""
    router: Callable[[Any], Any] | None = None
    """For conditional edges: the output → a label, or several."""
    routes: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """Label → the successors it selects. Those selected by no label given are not taken."""
    writes: tuple[str, ...] = ()
    """Channels that get the step's output."""
    output_type: Any = None
    output_check: Callable[[Any], str | None] | None = None
    body: Plan | None = None
    """Of a map, loop or nested pipeline."""
    deferred: Mapping[str, Callable[[Scope], Any]] = field(default_factory=dict[str, "Callable[[Scope], Any]"])
    """Expressions of the step that are evaluated in the scope of its body: a map's output, a loop's condition."""
    effects: frozenset[str] = frozenset()
    """What the step itself, without its body, may do to the world: policy is checked against it before a run."""
    secrets: frozenset[str] = frozenset()
    """The secrets that the step's settings name: no others are put into them."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    name: str
    steps: tuple[Step, ...]
    version: str
    """Hash of the content: two plans with one version do the same."""
    inputs: Mapping[str, Input] = field(default_factory=dict[str, Input])
    channels: Mapping[str, Channel] = field(default_factory=dict[str, "Channel"])
    outputs: Callable[[Scope], dict[str, Any]] | None = None
    """None: the outputs of the steps that nothing follows."""
    in_degrees: tuple[int, ...] = ()
    roots: tuple[int, ...] = ()
    sinks: tuple[int, ...] = ()
    index: Mapping[str, int] = field(default_factory=dict[str, int])
    ancestors: tuple[int, ...] = ()
    """Bit i of `ancestors[k]`: step i is before step k. Empty where there are no channels."""
    fallbacks: Mapping[str, Step] = field(default_factory=dict[str, Step])
    """Steps that run only in the place of one that failed. Their index is that of the step they stand in for."""
    budget: Budget | None = None
    concurrency: int | None = None
    """Steps of one run that may be under way at once."""
    source: str | None = None
    """The definition as JSON, where the plan came from one: the store keeps it, so that a run can be resumed alone."""
    effects: frozenset[str] = frozenset()
    """Of all steps, those in bodies and nested pipelines included."""
    secrets: frozenset[str] = frozenset()
    """Of all steps, as `effects`."""

    def bind(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The inputs with defaults filled in. Raises PlanError naming what is missing, unknown or of a wrong type."""
        declared = self.inputs
        if not declared:
            return inputs
        wrong: list[str] = []
        bound: dict[str, Any] = {}
        for name, spec in declared.items():
            value = inputs.get(name, MISSING)
            if value is MISSING:
                value = spec.default
                if value is MISSING:
                    wrong.append(f"input `{name}` is missing")
                    continue
            elif spec.type is not None and not _is(value, spec.type):
                wrong.append(f"input `{name}` is {_a(type(value))}, not {_a(spec.type)}")
            elif spec.check is not None and (complaint := spec.check(value)):
                wrong.append(f"input `{name}` {complaint}")
            bound[name] = value
        if len(bound) < len(inputs) or not inputs.keys() <= declared.keys():
            wrong += [f"`{name}` is no input of this pipeline" for name in inputs if name not in declared]
        if wrong:
            known = ", ".join(f"`{n}`" for n in declared)
            raise PlanError(f"pipeline `{self.name}`: {'; '.join(wrong)}. Its inputs: {known}.")
        return bound


def _is(value: Any, expected: Any) -> bool:
    if expected is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return not isinstance(expected, type) or isinstance(value, expected)


def _a(kind: Any) -> str:
    name = getattr(kind, "__name__", str(kind))
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def topological(count: int, edges: Iterable[tuple[int, int]], names: Sequence[str]) -> tuple[int, ...]:
    """The nodes 0…count-1 with each after its predecessors, otherwise in the order given. Raises PlanError on a cycle,
    naming it."""
    successors: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in edges:
        successors[a].append(b)
        waiting[b] += 1
    ready = [i for i in range(count) if not waiting[i]]
    order: list[int] = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for after in successors[node]:
            waiting[after] -= 1
            if not waiting[after]:
                heapq.heappush(ready, after)
    if len(order) < count:
        raise PlanError(f"steps wait for each other: {' → '.join(names[i] for i in _cycle(successors, waiting))}")
    return tuple(order)


def _cycle(successors: list[list[int]], waiting: list[int]) -> list[int]:
    """A shortest cycle among the nodes that still wait."""
    stuck = {i for i, n in enumerate(waiting) if n}
    best: list[int] = []
    for start in sorted(stuck)[:200]:
        paths: deque[list[int]] = deque([[start]])
        seen = {start}
        while paths:
            path = paths.popleft()
            if best and len(path) + 1 >= len(best):
                break
            for after in successors[path[-1]]:
                if after == start:
                    best = [*path, start]
                    paths.clear()
                    break
                if after in stuck and after not in seen:
                    seen.add(after)
                    paths.append([*path, after])
    return best


def ancestor_bits(needs: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """For each step, in topological order, the bit set of the steps before it."""
    bits: list[int] = []
    for before in needs:
        own = 0
        for b in before:
            own |= bits[b] | (1 << b)
        bits.append(own)
    return tuple(bits)
