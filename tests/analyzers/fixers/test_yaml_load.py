from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import yaml\nyaml.load(f)\n", "import yaml\nyaml.safe_load(f)\n"),
        ("import yaml as y\nx = y.load( f ) # why\n", "import yaml as y\nx = y.safe_load( f ) # why\n"),
        (
            "import yaml\nyaml.load(f, Loader=yaml.Loader)\n",
            "import yaml\nyaml.load(f, Loader=yaml.SafeLoader)\n",
        ),
        ("import yaml\nyaml.load(f, yaml.CLoader)\n", "import yaml\nyaml.load(f, yaml.CSafeLoader)\n"),
        ("import yaml\r\nx = '😀', yaml.load(f)\r\n", "import yaml\r\nx = '😀', yaml.safe_load(f)\r\n"),
    ],
)
def test_is_fixed(before: str, after: str) -> None:
    fix = check_fix("B506", before, after, Safety.REVIEW)
    assert "!!python" in fix.notes[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import yaml\nyaml.load(f, Loader=Mine)\n", "not one of PyYAML's own"),
        ("import yaml\nyaml.load(*a)\n", "hidden"),
        ("import yaml\nyaml.load(f, **options)\n", "hidden"),
    ],
)
def test_is_left_alone(source: str, reason: str) -> None:
    check_declined("B506", source, reason)
