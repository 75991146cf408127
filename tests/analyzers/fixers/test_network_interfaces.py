from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("s.bind(('0.0.0.0', 80))\n", "s.bind(('127.0.0.1', 80))\n"),
        ('app.run(host="0.0.0.0")\n', 'app.run(host="127.0.0.1")\n'),
        ("BIND_ADDRESS = '0.0.0.0'\n", "BIND_ADDRESS = '127.0.0.1'\n"),
        ("def f(host='0.0.0.0'):\n    pass\n", "def f(host='127.0.0.1'):\n    pass\n"),
        ("c = {'host': '0.0.0.0'}\n", "c = {'host': '127.0.0.1'}\n"),
        ("class A:\n    host: str = u'0.0.0.0'\n", "class A:\n    host: str = u'127.0.0.1'\n"),
    ],
)
def test_only_this_machine_is_served(before: str, after: str) -> None:
    check_fix("B104", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    "source",
    ["if host == '0.0.0.0':\n    pass\n", "x = ('0.0.0.0', 1)\n", "f('0.0.0.0')\n", "LOCAL_ADDRESS = '0.0.0.0'\n"],
)
def test_other_uses_are_left_alone(source: str) -> None:
    check_declined("B104", source, "cannot be seen")
