"""Which files matter for a task in one file: `rank`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from .algorithms import personalised_pagerank
from .imports import ImportKind
from .index import split
from .languages import rules_for

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from .graph import DependencyGraph

MAX_NEIGHBOURS = 400
"""Files looked at, nearest first."""
MAX_HOPS = 3
_WORD = re.compile(r"\w+")
_KIND_WEIGHTS = {ImportKind.TYPE_ONLY: 0.7, ImportKind.LAZY: 0.8, ImportKind.DYNAMIC: 0.6, ImportKind.MODULE: 0.4}
_PASSED_ON = frozenset({ImportKind.REEXPORT, ImportKind.TYPE_ONLY})
"""How a file imports what others then take from it: what a package loads lazily, it shows type checkers alone."""
_BACKWARD = 0.3
"""What an importer counts against what is imported: a change is made with what the file uses in mind first."""
_IN_FOCUS = 4.0
"""How much more a name counts that occurs in the code in question."""

_INDIRECT = 0.4
_BESIDE = 0.7
"""What a file of the same folder and with the same imports counts: it shows how such a file is written here."""
_UNRELATED = 0.1
_PASSES_ON = 0.1
"""What a package counts that only passes names on: the files that define them are shown instead."""
_PARTNER = 0.7
"""What a test's source, or a source's tests, count beside the best neighbour."""


class Ranked(NamedTuple):
    """A file, how much it matters, and why."""

    path: str
    score: float
    reason: str
    names: frozenset[str]
    """What the file in question takes from it."""


def rank(
    graph: DependencyGraph,
    path: str,
    used: Counter[str],
    focus: Counter[str],
    recency: Mapping[str, float] | None = None,
) -> tuple[Ranked, ...]:
    """Related files, most important first; equal ones in order of paths.

    `used`: identifiers in the file and how often; `focus`: those in the code in question. `recency`: 0 (old) to 1
    (changed just now).
    """
    near = _neighbourhood(graph, path)
    names = _names_taken(graph, path)
    direct = frozenset(graph.dependencies(path))
    weights, numbers = _weights(graph, path, near, used, focus)
    for other, taken in names.items():
        if other not in direct and other in numbers:
            share = sum(_use_weight(name, used, focus) for name in taken)
            weights[numbers[path]][numbers[other]] = share / (1 + math.log1p(len(graph.dependents(other))))
    scores = personalised_pagerank(weights, {numbers[path]: 1.0})
    affine = _test_partners(graph, path)
    candidates = {p: scores.get(n, 0.0) for p, n in numbers.items() if p != path}
    top = max(candidates.values(), default=0.0) or 1.0
    for partner in affine:
        candidates[partner] = candidates.get(partner, 0.0) + _PARTNER * top
    subject_is_test = _is_test(path)
    ranked: list[Ranked] = []
    for other, score in candidates.items():
        taken = names.get(other, frozenset())
        relation, share = _relation(graph, path, other, taken, focus)
        reasons = [relation]
        score *= 1 + 0.4 * _proximity(path, other)
        if other not in affine:
            score *= share
        if other in affine:
            reasons.append("its source" if subject_is_test else "its tests")
        elif _is_test(other) and not subject_is_test:
            score *= 0.3
        if _only_passes_on(graph, other):
            score *= _PASSES_ON
        if recency and other in recency:
            score *= 1 + 0.3 * recency[other]
            reasons.append("changed lately")
        if score > 0:
            ranked.append(Ranked(other, score, ", ".join(r for r in reasons if r), taken))
    return tuple(sorted(ranked, key=lambda r: (-round(r.score, 9), r.path)))


def _neighbourhood(graph: DependencyGraph, path: str) -> list[str]:
    seen = {path: 0}
    frontier = [path]
    for hop in range(1, MAX_HOPS + 1):
        following: list[str] = []
        for node in frontier:
            backward = graph.dependents(node) if hop < MAX_HOPS else ()
            for other in (*graph.dependencies(node), *backward):
                if other not in seen:
                    if len(seen) >= MAX_NEIGHBOURS:
                        return list(seen)
                    seen[other] = hop
                    following.append(other)
        frontier = sorted(following)
    return list(seen)


def _names_taken(graph: DependencyGraph, path: str) -> dict[str, frozenset[str]]:
    """What `path` takes from each file, also where another file only passes the name on."""
    taken: dict[str, set[str]] = {}
    pending = [(path, edge.import_.name, edge, 0) for edge in graph.imports(path)]
    while pending:
        _, name, edge, depth = pending.pop()
        for target in edge.targets:
            names = taken.setdefault(target, set())
            if not name or name in names:
                continue
            names.add(name)
            if depth < MAX_HOPS:
                passed_on = [e for e in graph.imports(target) if e.import_.kind in _PASSED_ON]
                pending += [(target, name, e, depth + 1) for e in passed_on if e.import_.name in (name, "*")]
    taken.pop(path, None)
    return {target: frozenset(names) for target, names in taken.items()}


def _weights(
    graph: DependencyGraph, path: str, near: list[str], used: Counter[str], focus: Counter[str]
) -> tuple[dict[int, dict[int, float]], dict[str, int]]:
    numbers = {p: n for n, p in enumerate(near)}
    popularity = {p: 1 + math.log1p(len(graph.dependents(p))) for p in near}
    weights: dict[int, dict[int, float]] = {n: {} for n in numbers.values()}
    for source in near:
        for edge in graph.imports(source):
            kind_weight = _KIND_WEIGHTS.get(edge.import_.kind, 1.0)
            name = edge.import_.name or _last_word(edge.import_.module)
            if source == path:
                kind_weight *= _use_weight(name, used, focus)
            for target in edge.targets:
                if target not in numbers or target == source:
                    continue
                a, b = numbers[source], numbers[target]
                share = kind_weight / len(edge.targets)
                weights[a][b] = weights[a].get(b, 0.0) + share / popularity[target]
                weights[b][a] = weights[b].get(a, 0.0) + _BACKWARD * share / popularity[source]
    return weights, numbers


def _last_word(module: str) -> str:
    """By which code refers to a module: "b" of "a.b" and of "x/b"."""
    words = _WORD.findall(module)
    return words[-1] if words else ""


def _use_weight(name: str, used: Counter[str], focus: Counter[str]) -> float:
    return 0.25 + math.log1p(used[name]) + _IN_FOCUS * math.log1p(focus[name])


def _relation(
    graph: DependencyGraph, path: str, other: str, taken: frozenset[str], focus: Counter[str]
) -> tuple[str, float]:
    """How the two are related, in words, and how much of its score a file so related keeps."""
    if taken or other in graph.dependencies(path):
        shown = sorted(taken - {"*"}, key=lambda name: (-focus[name], name))[:4]
        return "imported here" + (f" ({', '.join(shown)})" if shown else ""), 1.0
    if other in graph.dependents(path):
        return "imports this file", 1.0
    if other in graph.dependencies(path, transitive=True):
        return "imported indirectly", _INDIRECT
    shared = sorted(set(graph.dependencies(path)) & set(graph.dependencies(other)))
    if shared and split(path)[0] == split(other)[0]:
        return f"beside it, also uses {shared[0]}", _BESIDE
    if other in graph.dependents(path, transitive=True):
        return "depends on this file indirectly", _INDIRECT
    return (f"also uses {shared[0]}", _INDIRECT) if shared else ("", _UNRELATED)


def _only_passes_on(graph: DependencyGraph, path: str) -> bool:
    kinds = {edge.import_.kind for edge in graph.imports(path) if edge.targets}
    return bool(kinds) and kinds <= _PASSED_ON


def _proximity(path: str, other: str) -> float:
    """1 in the same folder, less with each folder that differs."""
    a, b = split(path)[0].split("/"), split(other)[0].split("/")
    common = 0
    while common < min(len(a), len(b)) and a[common] == b[common]:
        common += 1
    return common / max(len(a), len(b))


def _is_test(path: str) -> bool:
    rules = rules_for(path)
    return rules is not None and rules.tests(path)


def _subject(path: str) -> str:
    """The name that a source and its tests share."""
    stem = split(path)[1].partition(".")[0].lower()
    for mark in ("test_", "tests_", "_test", "_tests", "tests", "test"):
        stem = stem.removeprefix(mark) if mark.endswith("_") else stem.removesuffix(mark)
    return stem.strip("_")


def _test_partners(graph: DependencyGraph, path: str) -> frozenset[str]:
    """A source's tests, or a test's source: by the name, and connected or the only one of that name."""
    subject, is_test = _subject(path), _is_test(path)
    if not subject:
        return frozenset()
    partners = {p for p in graph.files if p != path and _subject(p) == subject and _is_test(p) is not is_test}
    connected = partners & {*graph.dependencies(path), *graph.dependents(path)}
    return frozenset(connected or (partners if len(partners) == 1 else ()))
