from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gate_tables import DISHONEST, HONEST, TRICKS, Dishonest, Honest, candidate

from codefactory.pipelines.gate import judge

if TYPE_CHECKING:
    from codefactory.analyzers import Analyzers


ALL_DISHONEST = [*DISHONEST, *TRICKS]


@pytest.mark.parametrize("by_model", [False, True], ids=["fixer", "model"])
@pytest.mark.parametrize("honest", HONEST, ids=lambda h: h.rule)
def test_an_honest_repair_passes(analyzers: Analyzers, honest: Honest, by_model: bool) -> None:
    verdict = judge(candidate(analyzers, *honest, by_model=by_model))
    assert verdict.accepted, f"{verdict}\n{honest.before}\n=>\n{honest.after}"
    assert honest.rule in {f.code for f in verdict.delta.fixed}


@pytest.mark.parametrize(
    "dishonest", ALL_DISHONEST, ids=[f"{i}-{d.reason}-{d.rule}" for i, d in enumerate(ALL_DISHONEST)]
)
def test_a_dishonest_change_is_refused(analyzers: Analyzers, dishonest: Dishonest) -> None:
    verdict = judge(candidate(analyzers, *dishonest[1:]))
    codes = {reason.code for reason in verdict.reasons}
    assert dishonest.reason in codes, f"{verdict}\n{dishonest.before}\n=>\n{dishonest.after}"
