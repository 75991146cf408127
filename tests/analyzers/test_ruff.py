from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Cancellation, CancelledError, Safety, Severity, Snapshot, Span, ruff
from codefactory.analyzers.ruff import RuffOptions

if TYPE_CHECKING:
    from pathlib import Path

ISOLATED = RuffOptions(arguments=("--isolated", "--select", "F,E,I"))


def snapshot(text: str) -> Snapshot:
    return Snapshot("file:///nowhere/a.py", text, "python")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("import os\n", Span.at(0, 7, 0, 9)),
        ("x = '😀'; import os\n", Span.at(0, 16, 0, 18)),
        ("x = '漢'\r\nimport os\r\n", Span.at(1, 7, 1, 9)),
        ("\x0cimport os\n", Span.at(0, 8, 0, 10)),
        ("x = '\ud800'; import os\n", Span.at(0, 16, 0, 18)),
        ("import os", Span.at(0, 7, 0, 9)),
        ("\ufeffimport os\n", Span.at(0, 8, 0, 10)),
    ],
)
def test_spans_are_in_code_points(text: str, span: Span) -> None:
    found = [f for f in ruff.analyze(snapshot(text), ISOLATED).findings if f.code == "F401"]
    assert [f.span for f in found] == [span]


def test_a_fix_is_an_edit_with_its_safety() -> None:
    found = {f.code: f for f in ruff.analyze(snapshot("import os\n\n\ndef f():\n    x = 1\n"), ISOLATED).findings}
    assert found["F401"].fix is not None
    assert found["F401"].fix.safety is Safety.SAFE
    assert found["F401"].tags == ("unnecessary",)
    assert found["F841"].fix is not None
    assert found["F841"].fix.safety is Safety.REVIEW


def test_a_syntax_error_is_a_finding() -> None:
    analysis = ruff.analyze(snapshot("def f(:\n"), ISOLATED)
    assert not analysis.parses
    assert analysis.findings[0].severity is Severity.HIGH


def test_the_projects_own_configuration_counts_for_unsaved_text(tmp_path: Path) -> None:
    (tmp_path / "ruff.toml").write_text('lint.select = ["T201"]\n')
    uri = (tmp_path / "a.py").as_uri()
    analysis = ruff.analyze(Snapshot(uri, "import os\nprint(1)\n", "python"))
    assert [f.code for f in analysis.findings] == ["T201"]


def test_an_excluded_file_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "ruff.toml").write_text('exclude = ["gen.py"]\n')
    analysis = ruff.analyze(Snapshot((tmp_path / "gen.py").as_uri(), "import os\n", "python"))
    assert analysis.findings == ()


def test_a_broken_configuration_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "ruff.toml").write_text("lint.select = 3\n")
    analysis = ruff.analyze(Snapshot((tmp_path / "a.py").as_uri(), "import os\n", "python"))
    assert [p.kind for p in analysis.problems] == ["configuration"]
    assert "ruff.toml" in analysis.problems[0].message
    assert analysis.analyzers == ()


def test_a_missing_ruff_is_a_problem_with_its_remedy() -> None:
    analysis = ruff.analyze(snapshot("import os\n"), RuffOptions(path="/nowhere/ruff"))
    assert [p.kind for p in analysis.problems] == ["missing"]
    assert "codefactory.ruff.path" in analysis.problems[0].message


def test_a_ruff_that_hangs_is_stopped(tmp_path: Path) -> None:
    analysis = ruff.analyze(snapshot("x\n"), RuffOptions(path=str(fake(tmp_path, "sleep 60")), timeout_s=0.2))
    assert [p.kind for p in analysis.problems] == ["timeout"]


@pytest.mark.parametrize(("script", "said"), [("echo oops >&2; exit 101", "oops"), ("echo '{'", "could not be read")])
def test_a_ruff_that_crashes_is_a_problem(tmp_path: Path, script: str, said: str) -> None:
    analysis = ruff.analyze(snapshot("x\n"), RuffOptions(path=str(fake(tmp_path, script))))
    assert [p.kind for p in analysis.problems] == ["crash"]
    assert said in analysis.problems[0].message


def test_cancelling_kills_the_process(tmp_path: Path) -> None:
    import threading
    import time

    cancellation = Cancellation()
    threading.Timer(0.2, cancellation.cancel).start()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        ruff.analyze(snapshot("x\n"), RuffOptions(path=str(fake(tmp_path, "exec sleep 60"))), cancellation)
    assert time.monotonic() - started < 10


def fake(folder: Path, script: str) -> Path:
    path = folder / "ruff"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_many_saved_files_in_one_process_give_what_each_gives_alone(tmp_path: Path) -> None:
    texts = ["import os\n", "x = '😀'; import os\n", "x = 1\n", "def f(:\n", "x = '漢'\r\nimport os\r\n"]
    snapshots: list[Snapshot] = []
    for number, text in enumerate(texts):
        path = tmp_path / f"ä {number}.py"
        path.write_bytes(text.encode())
        snapshots.append(Snapshot(path.as_uri(), text, "python"))
    together = ruff.analyze_saved(snapshots, tmp_path, ISOLATED)
    assert together == tuple(ruff.analyze(s, ISOLATED) for s in snapshots)
    assert ruff.analyze_saved(snapshots, tmp_path, RuffOptions(arguments=("--select", "NONSENSE"))) is None
