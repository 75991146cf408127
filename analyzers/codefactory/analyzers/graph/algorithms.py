"""Algorithms on directed graphs given as adjacency by number. Iterative: a chain of imports may be 20,000 long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence


def reachable(start: Iterable[int], successors: Callable[[int], Iterable[int]]) -> set[int]:
    """What can be reached from `start`; the starting points themselves only if something leads back to them."""
    seen: set[int] = set()
    pending = list(start)
    while pending:
        for node in successors(pending.pop()):
            if node not in seen:
                seen.add(node)
                pending.append(node)
    return seen


def components(nodes: Sequence[int], successors: Mapping[int, Collection[int]]) -> list[list[int]]:
    """Strongly connected components, each after all components it depends on (Tarjan 1972)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: set[int] = set()
    stack: list[int] = []
    found: list[list[int]] = []
    for root in nodes:
        if root in order:
            continue
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        path = [(root, iter(successors.get(root, ())))]
        while path:
            node, following = path[-1]
            for successor in following:
                if successor not in order:
                    order[successor] = low[successor] = len(order)
                    stack.append(successor)
                    on_stack.add(successor)
                    path.append((successor, iter(successors.get(successor, ()))))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], order[successor])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == order[node]:
                    component: list[int] = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == node:
                            break
                    found.append(component)
    return found


def personalised_pagerank(
    weights: Mapping[int, Mapping[int, float]], start: Mapping[int, float], damping: float = 0.85, rounds: int = 24
) -> dict[int, float]:
    """Where a walk is found that begins at `start` (weights, any sum) and follows edges by weight, going back to the
    start with probability 1 - `damping` at each step and from dead ends (Haveliwala 2002). Deterministic: sums are
    taken in ascending order of nodes."""
    total = sum(start.values())
    if not total:
        return {}
    home = {node: weight / total for node, weight in sorted(start.items())}
    outgoing = {node: (sum(w for _, w in sorted(to.items())), sorted(to.items())) for node, to in weights.items() if to}
    rank = dict(home)
    for _ in range(rounds):
        following: dict[int, float] = {}
        stuck = 0.0
        for node in sorted(rank):
            share = rank[node]
            if node not in outgoing:
                stuck += share
                continue
            out_weight, edges = outgoing[node]
            for target, weight in edges:
                following[target] = following.get(target, 0.0) + damping * share * weight / out_weight
        for node, share in home.items():
            following[node] = following.get(node, 0.0) + share * (1 - damping + damping * stuck)
        rank = following
    return rank
