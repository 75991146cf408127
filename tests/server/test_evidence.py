"""Evidence as JSON and Markdown."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from codefactory.analyzers import Confidence, Finding, Problem, Safety, Severity, Snapshot, Span
from codefactory.pipelines.models import Usage
from codefactory.pipelines.proposal import AppliedFix, Evidence, Proposal, Round, SuiteRun
from codefactory.pipelines.verdict import Delta, Reason, Verdict
from codefactory.server.cli.evidence import Repaired, repaired_to_json
from codefactory.server.evidence import entry_to_markdown, summary
from codefactory.server.features.proposals import proposal_json
from codefactory.server.files import TextFile
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
    data = json.loads(json.dumps(proposal_json(Entry(proposal()), "utf-16")))
    assert (data["before"], data["after"], data["version"]) == ("old\n", "new\n", 3)
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}}
    assert data["hunks"] == [{"range": where, "newText": "new\n", "status": "open"}]
    assert [r["accepted"] for r in data["evidence"]["rounds"]] == [False, True]
    assert data["evidence"]["costUsd"] is None  # one round's price is not known
    assert data["safety"] == "review"
    (remaining,) = data["evidence"]["remaining"]
    assert (remaining["start"], remaining["notFixed"]) == ({"line": 2, "column": 1}, ["not static"])


def test_the_command_line_says_the_same() -> None:
    file = TextFile(Path("app.py"), Snapshot("file:///w/app.py", "old\n", "python", 3), "utf-8", bom=False, digest=b"")
    told = repaired_to_json(Repaired("app.py", file, proposal()))
    shown = proposal_json(Entry(proposal()), "utf-16")
    assert {key: shown[key] for key in ("id", "origin", "safety", "summary", "evidence")}.items() <= told.items()


def test_the_documentation_shows_it_as_it_is() -> None:
    text = (Path(__file__).parents[2] / "docs" / "language-server.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    actual = proposal_json(Entry(proposal()), "utf-16")
    assert keys(json.loads(example)) == keys(actual["evidence"] | {"remaining": [], "dependencies": []})
    (table,) = re.findall(r"give a proposal:\n\n(.*?)\n\n", text, re.DOTALL)
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(actual)


def keys(value: object) -> object:
    """The shape of some JSON: its keys, and those of the first element of each list."""
    if isinstance(value, dict):
        return {name: keys(of) for name, of in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else None


def test_markdown_says_it_all_and_quotes_nothing_that_works() -> None:
    text = entry_to_markdown(Entry(proposal(), outcome=HOSTILE))
    for part in (
        "app.py",
        "B506 is still there",
        "3 passed",
        "defusedxml",
        "not static",
        "bandit was stopped",
        "10 tokens in, 5 out",
    ):
        assert part in text, part
    assert "](http" not in text.replace("\\](", "")
    assert "\n# heading" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")


def test_markdown_has_one_row_for_what_two_tools_say_alike() -> None:
    twins = finding(3), replace(finding(3), tool="ruff", code="S506", fingerprint="twin")
    fix = AppliedFix("yaml", "Use SafeLoader", "bandit:B506", 3, Safety.SAFE)
    made = Proposal(
        "p",
        Snapshot("file:///w/app.py", "a\nb\nc\n", "python", 1),
        "A\nb\nC\n",
        Evidence(Verdict((), Delta(fixed=twins)), ("ruff 1",), fixes=(fix, replace(fix, rule="ruff:S506"))),
        "fixers",
    )
    entry = Entry(made)
    text = entry_to_markdown(entry)
    assert "- line 4: `bandit:B506` `ruff:S506` message\n" in text
    assert "- line 4: Use SafeLoader (`bandit:B506` `ruff:S506`, safe)\n" in text
    assert text.count("line 4") == 2
    assert "1 finding fixed by deterministic fixers. Status: open." in text


def test_what_was_decided_is_said_for_each_change() -> None:
    made = replace(proposal(), snapshot=Snapshot("file:///w/app.py", "a\nb\nc\n", "python", 1), after="A\nb\nC\n")
    entry = Entry(made)
    assert (entry.status, entry.open) == ("open", (0, 1))
    entry.decide([1], "applied")
    assert (entry.status, entry.open) == ("open", (0,))
    assert "- line 1: open\n- line 3: applied\n" in entry_to_markdown(entry)
    entry.decide([0], "rejected")
    assert entry.status == "partly applied"
    assert "Status: partly applied." in entry_to_markdown(entry)
    entry.decide([1], "rejected")
    assert entry.status == "rejected"
    entry.decide([0, 1], "applied")
    assert entry.status == "applied"


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
