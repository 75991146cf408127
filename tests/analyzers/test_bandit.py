from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from codefactory.analyzers import Confidence, Severity, Snapshot, Span, bandit
from codefactory.analyzers.bandit import BanditOptions

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def analyze(text: str, **config: object) -> list[tuple[str, Span]]:
    analysis = bandit.analyze(Snapshot("file:///project/a.py", text, "python"), BanditOptions(config))
    assert analysis.problems == ()
    return [(f.code, f.span) for f in analysis.findings]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("assert x\n", Span.at(0, 0, 0, 8)),
        ("y = '😀'; assert x\n", Span.at(0, 9, 0, 17)),
        ("y = '漢'\r\nassert x\r\n", Span.at(1, 0, 1, 8)),
        ("\x0cassert x\n", Span.at(0, 1, 0, 9)),
        ("y = '\ud800'; assert x\n", Span.at(0, 9, 0, 17)),
        ("y = 1\rassert x", Span.at(1, 0, 1, 8)),
        ("\ufeffassert x\n", Span.at(0, 1, 0, 9)),
    ],
)
def test_spans_are_in_code_points(text: str, span: Span) -> None:
    assert analyze(text) == [("B101", span)]


@pytest.mark.parametrize(
    ("comment", "codes"),
    [("# nosec", []), ("# nosec B101", []), ("# nosec B102", ["B101"]), ("# nosec: B101, B102", []), ("#", ["B101"])],
)
def test_nosec(comment: str, codes: list[str]) -> None:
    assert [code for code, _ in analyze(f"assert x  {comment}\n")] == codes


def test_the_projects_configuration_counts() -> None:
    source = "assert x\nexec(x)\n"
    assert [c for c, _ in analyze(source, skips=["B101"])] == ["B102"]
    assert [c for c, _ in analyze(source, tests=["B101"])] == ["B101"]
    assert analyze("p = '/srv/x'\n", hardcoded_tmp_directory={"tmp_dirs": ["/srv"]}) == [("B108", Span.at(0, 4, 0, 12))]


def test_severity_confidence_and_documentation() -> None:
    (finding,) = bandit.analyze(Snapshot("file:///a.py", "exec(x)\n", "python")).findings
    assert (finding.severity, finding.confidence) == (Severity.MEDIUM, Confidence.HIGH)
    assert finding.url is not None
    assert finding.url.endswith("b102_exec_used.html")


@pytest.mark.parametrize(
    "source", ["password = 'hunter2'\n", "f(password='hunter2')\n", "def f(token='hunter2'): pass\n"]
)
def test_a_message_does_not_repeat_the_secret(source: str) -> None:
    (finding,) = bandit.analyze(Snapshot("file:///a.py", source, "python")).findings
    assert "hardcoded password" in finding.message
    assert "hunter2" not in repr(finding)


def test_what_does_not_parse_is_left_to_the_syntax_analyzer() -> None:
    for text in ("def f(:\n", "x = '\0'\n"):
        assert analyze(text) == []


def test_a_text_over_the_limit_is_said() -> None:
    analysis = bandit.analyze(Snapshot("file:///a.py", "x = 1\n" * 10, "python"), BanditOptions(max_bytes=50))
    assert [p.kind for p in analysis.problems] == ["too-large"]
    assert "codefactory.bandit.maxBytes" in analysis.problems[0].message


def test_an_unknown_test_id_is_said_and_the_others_run() -> None:
    options = BanditOptions({"tests": ["B999", "B101"]})
    analysis = bandit.analyze(Snapshot("file:///a.py", "assert x\n", "python"), options)
    assert [(p.kind, "B999" in p.message) for p in analysis.problems] == [("configuration", True)]
    assert [f.code for f in analysis.findings] == ["B101"]


def test_a_configuration_that_is_not_valid_is_said() -> None:
    options = BanditOptions({"tests": 3})
    analysis = bandit.analyze(Snapshot("file:///a.py", "assert x\n", "python"), options)
    assert [p.kind for p in analysis.problems] == ["configuration"]
    assert analysis.analyzers == ()


def test_one_projects_configuration_does_not_reach_another() -> None:
    source = "p = '/srv/x'\n"
    mine = {"hardcoded_tmp_directory": {"tmp_dirs": ["/srv"]}}
    assert analyze(source) == []
    assert [c for c, _ in analyze(source, **mine)] == ["B108"]
    assert analyze(source) == []


def test_findings_equal_those_of_the_command_line() -> None:
    """On the standard library's own test-free modules: real code of every style."""
    files = sorted(STANDARD_LIBRARY.glob("*.py"))[:60]
    command = [sys.executable, "-m", "bandit", "-q", "-f", "json", "--exit-zero", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)["results"]
    theirs = sorted((r["filename"], r["test_id"], r["issue_severity"], r["issue_confidence"]) for r in results)
    ours = sorted(
        (str(file), f.code, f.severity.name, f.confidence.name)
        for file in files
        for f in bandit.analyze(Snapshot(file.as_uri(), file.read_text("utf-8"), "python")).findings
    )
    assert len(ours) > 100
    assert ours == theirs
