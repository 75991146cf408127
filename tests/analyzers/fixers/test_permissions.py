from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0o777", "0o700"),
        ("511", "0o700"),
        ("0o755", "0o700"),
        ("0o664", "0o644"),
        ("0o666", "0o644"),
        ("0o760", "0o740"),
        ("0o1777", "0o1700"),
    ],
)
def test_others_lose_rights(before: str, after: str) -> None:
    source = "import os\nos.chmod(p, {})  # why\n"
    check_fix("B103", source.format(before), source.format(after), Safety.REVIEW)


def test_of_path_chmod_and_keywords_too() -> None:
    check_fix("B103", "import os\nx.lchmod(p, 0o777)\n", "import os\nx.lchmod(p, 0o700)\n", Safety.REVIEW)


def test_a_mode_without_rights_for_the_owner_is_left_alone() -> None:
    check_declined("B103", "import os\nos.chmod(p, 0o7)\n", "gives its owner no right")
