from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 'a\u202eb'\n", "x = 'a\\u202eb'\n"),
        ("x = 1  # a\u2066b\n", "x = 1  # ab\n"),
        ("x = f'{a}\u200f'\n", "x = f'{a}\\u200f'\n"),
        ('"""a\n\u202d"""\nx = "\u2069"  # \u202c\n', '"""a\n\\u202d"""\nx = "\\u2069"  # \n'),
    ],
)
def test_the_characters_become_visible(before: str, after: str) -> None:
    check_fix("B613", before, after, Safety.SAFE)


def test_a_raw_string_is_left_alone() -> None:
    check_declined("B613", "x = r'a\u202eb'\n", "raw string")
