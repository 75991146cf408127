from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety

IMPORT = "from django.db.models.expressions import RawSQL\n"


@pytest.mark.parametrize(
    ("before", "after", "safety"),
    [
        ("q.extra(dict(a='b'))", "q.extra({'a': 'b'})", Safety.SAFE),
        ("q.extra(select={'a': '%sc' % 'b'})", "q.extra(select={'a': 'bc'})", Safety.SAFE),
        ("q.extra(where=['{}c'.format('b'), 'd'])", "q.extra(where=['bc', 'd'])", Safety.SAFE),
        ("q.extra(where=[f\"a = '{x}'\", 'b'])", "q.extra(where=[\"a = %s\", 'b'], params=[x])", Safety.REVIEW),
    ],
)
def test_extra_is_fixed(before: str, after: str, safety: Safety) -> None:
    check_fix("B610", f"{before}\n", f"{after}\n", safety)


@pytest.mark.parametrize(
    ("before", "after", "safety"),
    [
        ("RawSQL('%sc' % 'b', [])", "RawSQL('bc', [])", Safety.SAFE),
        ("RawSQL(f\"a = '{x}'\", [])", 'RawSQL("a = %s", [x])', Safety.REVIEW),
        ("RawSQL(params=(), sql='a = %s' % x)", "RawSQL(params=[x], sql='a = %s')", Safety.REVIEW),
    ],
)
def test_raw_sql_is_fixed(before: str, after: str, safety: Safety) -> None:
    check_fix("B611", f"{IMPORT}{before}\n", f"{IMPORT}{after}\n", safety)


@pytest.mark.parametrize(
    ("code", "source", "reason"),
    [
        ("B610", "q.extra(where=x)\n", "not written as a list"),
        ("B610", "q.extra(where=[x])\n", "made elsewhere"),
        ("B610", "q.extra(tables=[f'a{x}'])\n", "no parameter can be"),
        ("B610", "q.extra(where=[f'a = {x}'], params=[y])\n", "no parameter can be"),
        ("B610", "q.extra(select={x: 'a'})\n", "name in `select`"),
        ("B610", "q.extra(where=x, **y)\n", "hidden"),
        ("B611", f"{IMPORT}RawSQL(x, [])\n", "made elsewhere"),
        ("B611", f"{IMPORT}RawSQL(f'a = {{x}}', [y])\n", "no parameter can be"),
        ("B611", f"{IMPORT}RawSQL(f'{{x}} = 1', [])\n", "no value"),
    ],
)
def test_is_left_alone(code: str, source: str, reason: str) -> None:
    check_declined(code, source, reason)
