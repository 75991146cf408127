"""Evidence as JSON and Markdown."""

from __future__ import annotations

import json

from codefactory.analyzers import Confidence, Finding, Problem, Safety, Severity, Snapshot, Span
from codefactory.pipelines.models import Usage
from codefactory.pipelines.proposal import AppliedFix, Evidence, Proposal, Round, SuiteRun
from codefactory.pipelines.verdict import Delta, Reason, Verdict
from codefactory.server.evidence import entry_to_json, entry_to_markdown, summary
from codefactory.server.proposals import Entry, Proposals

HOSTILE = "`x` | ](http://evil) <b>\n# heading"


def finding(line: int, message: str = "message") -> Finding:
    return Finding("bandit", "B506", message, Span.at(line, 0, line, 4), Severity.MEDIUM, Confidence.HIGH)


def proposal(number: int = 0) -> Proposal:
    refused = Verdict((Reason("not-fixed", "B506 is still there"),), Delta())
    accepted = Verdict((), Delta(fixed=(finding(0, HOSTILE),), remaining=(finding(1),)))
    return Proposal(
        f"p{number}",
        Snapshot("file:///w/app.py", "old\n", "python", 3),
        "new\n",
        Evidence(
            verdict=accepted,
            analyzers=("ruff 1", "bandit 1"),
            problems=(Problem("bandit", "timeout", "bandit was stopped"),),
            fixes=(AppliedFix("yaml", "Use SafeLoader", "bandit:B506", 0, Safety.REVIEW, (HOSTILE,)),),
            rounds=(
                Round(1, "openai/m", Usage(10, 5, 0.01), 1.0, refused),
                Round(2, "openai/m", Usage(20, None, None), 2.0, accepted),
            ),
            tests=SuiteRun(("pytest",), True, "3 passed", 0.5),
            dependencies=("defusedxml",),
            declined=((finding(1), "not static"),),
        ),
        "both",
    )


def test_summary() -> None:
    assert summary(proposal()) == "1 finding fixed by deterministic fixers and openai/m; 1 finding remains"


def test_json() -> None:
    data = json.loads(json.dumps(entry_to_json(Entry(proposal()))))
    assert (data["before"], data["after"], data["version"]) == ("old\n", "new\n", 3)
    assert data["hunks"] == [{"span": [0, 0, 1, 0], "newText": "new\n"}]
    assert [r["accepted"] for r in data["evidence"]["rounds"]] == [False, True]
    assert data["evidence"]["costUsd"] is None  # one round's price is not known
    assert data["safety"] == "review"


def test_markdown_says_it_all_and_quotes_nothing_that_works() -> None:
    text = entry_to_markdown(Entry(proposal(), "applied", "Applied."))
    for part in ("app.py", "B506 is still there", "3 passed", "defusedxml", "not static", "bandit was stopped", "10/5"):
        assert part in text, part
    assert "](http" not in text.replace("\\](", "")
    assert "\n# heading" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")


def test_the_oldest_are_forgotten() -> None:
    kept = Proposals()
    for number in range(150):
        kept.add(proposal(number))
    assert kept.get("p0") is None
    assert kept.get("p149") is not None
    latest = kept.latest("file:///w/app.py")
    assert latest is not None
    assert latest.proposal.id == "p149"
    assert kept.latest("file:///w/other.py") is None
