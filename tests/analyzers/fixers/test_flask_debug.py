from __future__ import annotations

import pytest
from fixer_tables import check_fix

from codefactory.analyzers import Safety

FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("app.run(debug=True)\n", "app.run(debug=False)\n"),
        ("app.run(port=80, debug = True)\n", "app.run(port=80, debug = False)\n"),
    ],
)
def test_the_debugger_is_off(before: str, after: str) -> None:
    check_fix("B201", FLASK + before, FLASK + after, Safety.REVIEW)
