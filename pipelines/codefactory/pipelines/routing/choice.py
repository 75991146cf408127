"""Which model of a route begins: the first, the one with the best record, or one by weight."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.pipelines.ledger.trials import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codefactory.pipelines.settings import RouteSettings

NEARLY_AS_GOOD = 0.9
"""Of the best rate: among these the cheaper model is taken."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`order`: indices of the route's models, the first to ask first. `reason`: for a person."""

    order: tuple[int, ...]
    reason: str


def choose(settings: RouteSettings, records: Mapping[str, Record], *, run: str, role: str) -> Choice:
    """The same for the same settings, records, run and role."""
    everything = tuple(range(len(settings.models)))
    chance = random.Random(f"{settings.seed}/{run}/{role}")  # noqa: S311  no secret
    if settings.choose == "split":
        return _split(settings, everything, chance)
    if settings.choose == "measured" and len(everything) > 1:
        return _measured([m.name for m in settings.models], records, chance)
    return Choice(everything, "in the order of the settings")


def _split(settings: RouteSettings, everything: Sequence[int], chance: random.Random) -> Choice:
    weights = [m.weight for m in settings.models]
    if not sum(weights):
        return Choice(tuple(everything), "in the order of the settings, since all weights are 0")
    (first,) = chance.choices(everything, weights)
    share = weights[first] / sum(weights)
    order = (first, *(n for n in everything if n != first))
    return Choice(order, f"{settings.models[first].name}: drawn by weight ({share:.0%}), for all of this run")


def _measured(names: Sequence[str], records: Mapping[str, Record], chance: random.Random) -> Choice:
    """Thompson sampling: a rate is drawn for each model, from what its record makes likely. A model with no record may
    draw any rate, so that it is tried; one with a long record draws close to it. Of those that draw nearly as well as
    the best, the one with the lowest expected cost of an accepted edit is taken, then the quickest."""
    known = [records.get(name) or Record("", name) for name in names]
    drawn = [chance.betavariate(1 + r.accepted, 1 + r.trials - r.accepted) for r in known]
    enough = max(drawn) * NEARLY_AS_GOOD

    def rank(n: int) -> tuple[bool, float, float, int]:
        good = drawn[n] >= enough
        record = known[n]
        if not good:
            return True, -drawn[n], 0.0, n
        usd = record.usd_per_trial if record.trials else 0.0
        expected_usd = float("inf") if usd is None else usd / max(drawn[n], 1e-9)
        return False, expected_usd, record.seconds or 0.0, n

    order = sorted(range(len(names)), key=rank)
    first = known[order[0]]
    others = "; ".join(str(known[n]) for n in order[1:])
    return Choice(tuple(order), f"by record, with a draw of {drawn[order[0]]:.0%}. {first} (others: {others})")
