from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety, Snapshot, bandit
from codefactory.analyzers.fixers import fixes_for


def function(body: str) -> str:
    return f"def f(x, y):\n    {body}\n    return x\n"


@pytest.mark.parametrize(
    ("before", "condition"),
    [
        ("assert x", "not x"),
        ("assert x.y[0](1)", "not x.y[0](1)"),
        ("assert not x", "x"),
        ("assert x in y", "x not in y"),
        ("assert x is not None", "x is None"),
        ("assert x > 0", "not (x > 0)"),
        ("assert x == y", "not (x == y)"),
        ("assert x and y", "not (x and y)"),
        ("assert (x or y)", "not (x or y)"),
        ("assert (z := x)", "not (z := x)"),
        ("assert x if y else 0", "not (x if y else 0)"),
        ("assert (\n        x is None\n    )", "x is not None"),
        ("assert x in (\n        1,\n        2,\n    )", "(x not in (\n        1,\n        2,\n    ))"),
        (
            "assert isinstance(\n        x,  # why\n        int,\n    )",
            "not isinstance(\n        x,  # why\n        int,\n    )",
        ),
    ],
)
def test_a_check_stays_a_check(before: str, condition: str) -> None:
    after = function(f"if {condition}:\n        raise AssertionError")
    fix = check_fix("B101", function(before), after, Safety.SAFE)
    assert "-O" in fix.notes[0]


@pytest.mark.parametrize(
    ("message", "raised"),
    [
        ("'m'", "AssertionError('m')"),
        ("f'{x}'  # why", "AssertionError(f'{x}')  # why"),
        ("(x, y)", "AssertionError((x, y))"),
        ("(\n        'a'\n        'b'\n    )", "AssertionError(\n        'a'\n        'b'\n    )"),
        ("\\\n        'm'", "AssertionError('m')"),
    ],
)
def test_a_message_is_kept(message: str, raised: str) -> None:
    check_fix("B101", function(f"assert x, {message}"), function(f"if not x:\n        raise {raised}"), Safety.SAFE)


def test_false_always_raises() -> None:
    check_fix("B101", function("assert False, x"), function("raise AssertionError(x)"), Safety.SAFE)


def test_a_block_is_indented_as_the_file_is() -> None:
    before = "def f(x):\n assert x\n"
    check_fix("B101", before, "def f(x):\n if not x:\n  raise AssertionError\n", Safety.SAFE)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("assert (x, 'm')\n", "always true"),
        ("assert True\n", "always true"),
        ("assert x; y = 1\n", "same line"),
        ("if x: assert y\n", "same line"),
        ("import pytest\nassert x\n", "this is a test"),
    ],
)
def test_is_left_alone(source: str, reason: str) -> None:
    check_declined("B101", source, reason)


@pytest.mark.parametrize("path", ["tests/a.py", "test_a.py", "a_test.py", "conftest.py", "pkg/testing/b.py"])
def test_tests_are_left_alone(path: str) -> None:
    snapshot = Snapshot(f"file:///project/{path}", "assert x\n", "python")
    assert "test" in fixes_for(snapshot, bandit.analyze(snapshot).findings)[0].declined[0]
