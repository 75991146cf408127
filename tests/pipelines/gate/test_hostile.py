"""Candidates are hostile input: every one gets a verdict."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.analyzers import Analysis, Confidence, Finding, Problem, Severity, Snapshot, Span
from codefactory.pipelines.gate import Candidate, judge

GOOD = "import yaml\n\n\ndef read(f):\n    return yaml.load(f)\n"
TARGET = Finding("bandit", "B506", "m", Span.at(4, 11, 4, 23), Severity.MEDIUM, Confidence.HIGH, fingerprint="t")
FOUND, NOTHING = Analysis((TARGET,)), Analysis()


def check(
    after: str,
    *,
    before: str = GOOD,
    by_model: bool = True,
    found: Analysis = FOUND,
    found_after: Analysis = NOTHING,
) -> set[str]:
    old, new = (Snapshot("file:///p/a.py", text, "python") for text in (before, after))
    candidate = Candidate(old, new, found, found_after, written_by_model=by_model)
    verdict = judge(candidate)
    assert verdict == judge(candidate)
    assert all(len(r.message) < 1_000 for r in verdict.reasons)
    return {r.code for r in verdict.reasons}


@pytest.mark.parametrize(
    "nasty",
    [
        "(" * 5_000 + ")" * 5_000,
        "[" * 150 + "]" * 150,
        "-" * 50_000 + "1",
        "x" + ".x" * 50_000,
        "x" + "()" * 20_000,
        " + ".join(["x"] * 30_000),
        "not " * 20_000 + "x",
        "lambda: " * 5_000 + "1",
        "".join(f"{' ' * n}if x:\n" for n in range(90)) + " " * 90 + "pass",
        "\0",
        "x = '\ud800'",
        "'" * 100_000,
        "x" * 1_000_000,
    ],
    ids=range(13),
)
def test_deep_and_strange_code_is_refused_or_judged(nasty: str) -> None:
    started = time.perf_counter()
    codes = check(GOOD + nasty + "\n")
    assert time.perf_counter() - started < 5
    assert codes <= {"does-not-parse", "not-checked", "disproportionate", "deleted", "not-fixed"}
    check(GOOD, before=nasty + "\n" + GOOD)


def test_deep_code_that_parses_before_and_after_is_no_crash() -> None:
    deep = "x = " + "+".join(["y"] * 900) + "\n"
    safe = GOOD.replace("yaml.load", "yaml.safe_load")
    assert check(safe + deep, before=GOOD + deep) == set()
    assert check(safe + deep.replace("y+", "z+"), before=GOOD + deep) <= {"not-checked"}


def test_a_large_file_gets_the_textual_checks_only() -> None:
    large = GOOD + "x = 1\n" * 200_000
    fixed = large.replace("yaml.load", "yaml.safe_load")
    assert check(fixed, before=large, by_model=False) == set()
    assert check(fixed, before=large) == {"not-checked"}
    assert check(large.replace("(f)\n", "(f)  # nosec\n"), before=large, by_model=False) == {"silenced"}


def broken_at(*lines: int) -> Analysis:
    errors = [
        Finding("ruff", "invalid-syntax", "m", Span.at(n, 0, n, 1), Severity.HIGH, Confidence.HIGH) for n in lines
    ]
    return Analysis((TARGET, *errors), analyzers=("ruff 1",))


def test_broken_code_may_not_get_worse() -> None:
    broken = GOOD + "def f(:\n    pass\n"
    safe = broken.replace("load(", "safe_load(")
    left = Analysis(broken_at(6).findings[1:], analyzers=("ruff 1",))
    worse = Analysis(broken_at(6, 7).findings[1:], analyzers=("ruff 1",))
    assert check(safe, before=broken, found=broken_at(6), found_after=left) == set()
    assert check(safe + ")\n", before=broken, found=broken_at(6), found_after=worse) == {"does-not-parse"}
    assert check(GOOD + "(\n") == {"does-not-parse"}


SAFE = GOOD.replace("load", "safe_load")


def test_what_was_not_checked_is_refused() -> None:
    ran = Analysis((TARGET,), analyzers=("ruff 0.14", "bandit 1.9"))
    gone = Analysis(problems=(Problem("bandit", "timeout", "bandit took too long."),), analyzers=("ruff 0.15",))
    old, new = Snapshot("file:///p/a.py", GOOD, "python"), Snapshot("file:///p/a.py", SAFE, "python")
    (reason,) = judge(Candidate(old, new, ran, gone)).reasons
    assert reason.code == "not-checked"
    assert "bandit took too long" in reason.message


def test_unknown_targets_are_not_fixed() -> None:
    old, new = (
        Snapshot("file:///p/a.py", GOOD, "python"),
        Snapshot("file:///p/a.py", SAFE, "python"),
    )
    (reason,) = judge(Candidate(old, new, Analysis((TARGET,)), Analysis(), frozenset({"?"}))).reasons
    assert reason.code == "not-fixed"
    assert "not in the text" in reason.message


PIECES = st.sampled_from(
    [
        *("import yaml\n", "def f(x):\n", "    return yaml.load(x)\n", "    pass\n", "# noqa\n", "try:\n", "    x()\n"),
        *(
            "except E:\n",
            "class A:\n",
            "'''\n",
            "\f\n",
            "\r\n",
            "x = (\n",
            ")\n",
            "\tif 0: y\n",
            "é = '😀'\n",
            "\ufeff",
        ),
        *("\ufeff", "async ", "@a\n", "\\\n", "    "),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=15).map("".join), st.lists(PIECES, max_size=15).map("".join), st.booleans())
def test_any_two_texts_get_a_verdict(before: str, after: str, by_model: bool) -> None:
    target = Finding("bandit", "B506", "m", Span.at(1, 0, 1, 5), Severity.MEDIUM, Confidence.HIGH, fingerprint="t")
    for language in ("python", "javascript"):
        old, new = (Snapshot("file:///p/a", text, language) for text in (before, after))
        verdict = judge(Candidate(old, new, Analysis((target,)), Analysis(), written_by_model=by_model))
        assert verdict.accepted or all(r.message.endswith((".", ")")) for r in verdict.reasons)
