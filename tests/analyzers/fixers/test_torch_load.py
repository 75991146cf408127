from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import torch\ntorch.load(p)\n", "import torch\ntorch.load(p, weights_only=True)\n"),
        ("import torch\ntorch.load(p, weights_only=False)\n", "import torch\ntorch.load(p, weights_only=True)\n"),
    ],
)
def test_weights_alone_are_loaded(before: str, after: str) -> None:
    check_fix("B614", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("arguments", "reason"), [("p, pickle_module=dill", "pickle module of its own"), ("p, **options", "hidden")]
)
def test_other_picklers_are_left_alone(arguments: str, reason: str) -> None:
    check_declined("B614", f"import torch\ntorch.load({arguments})\n", reason)
