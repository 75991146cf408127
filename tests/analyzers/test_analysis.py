from __future__ import annotations

import ast
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Analyzers, Cancellation, CancelledError, Options, Snapshot, worker
from codefactory.analyzers.ruff import RuffOptions
from codefactory.analyzers.worker import WorkerError, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator

VULNERABLE = "import os\nimport yaml\n\n\ndef f(x):\n    return yaml.load(x)\n"


@pytest.fixture
def own() -> Iterator[Analyzers]:
    running = Analyzers()
    yield running
    running.close()


def python(text: str) -> Snapshot:
    return Snapshot("file:///nowhere/a.py", text, "python")


def test_all_analyzers_speak_in_one_analysis(analyzers: Analyzers) -> None:
    analysis = analyzers.analyze(python(VULNERABLE))
    assert {"ruff:F401", "bandit:B506"} <= {f.rule for f in analysis.findings}
    assert [name.split()[0] for name in sorted(analysis.analyzers)] == ["bandit", "ruff", "syntax"]
    assert analysis.problems == ()


def test_only_the_enabled_analyzers_run(analyzers: Analyzers) -> None:
    analysis = analyzers.analyze(python(VULNERABLE), Options(enabled=("bandit",)))
    assert {f.tool for f in analysis.findings} == {"bandit"}
    assert [name.split()[0] for name in analysis.analyzers] == ["bandit"]


def test_one_missing_tool_does_not_silence_the_others(analyzers: Analyzers) -> None:
    analysis = analyzers.analyze(python(VULNERABLE), Options(ruff=RuffOptions(path="/nowhere/ruff")))
    assert [(p.analyzer, p.kind) for p in analysis.problems] == [("ruff", "missing")]
    assert "bandit:B506" in {f.rule for f in analysis.findings}


def test_fixes_come_from_ruff_and_from_us(analyzers: Analyzers) -> None:
    snapshot = python(VULNERABLE)
    findings = analyzers.analyze(snapshot).findings
    fixers = {fix.fixer for outcome in analyzers.fixes(snapshot, findings) for fix in outcome.fixes}
    assert fixers == {"ruff", "yaml-safe-load"}


def test_a_killed_worker_costs_one_problem_and_is_replaced(own: Analyzers) -> None:
    own.warm_up()
    (pid,) = own.pids
    os.kill(pid, signal.SIGSTOP)  # it will be dead by the time it should answer
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    hit = own.analyze(python(VULNERABLE), Options(enabled=("bandit",)))
    assert [(p.analyzer, p.kind) for p in hit.problems] == [("bandit", "crash")]
    assert own.analyze(python(VULNERABLE), Options(enabled=("bandit",))).problems == ()


def test_a_worker_that_hangs_is_stopped(own: Analyzers) -> None:
    own.warm_up()
    (pid,) = own.pids
    os.kill(pid, signal.SIGSTOP)
    analysis = own.analyze(python(VULNERABLE), Options(enabled=("syntax", "bandit"), timeout_s=0.3))
    assert {(p.analyzer, p.kind) for p in analysis.problems} == {("syntax", "timeout"), ("bandit", "timeout")}
    assert not alive(pid)


def test_cancelling_ends_the_worker(own: Analyzers) -> None:
    own.warm_up()
    (pid,) = own.pids
    os.kill(pid, signal.SIGSTOP)
    cancellation = Cancellation()
    threading.Timer(0.2, cancellation.cancel).start()
    with pytest.raises(CancelledError):
        own.analyze(python(VULNERABLE), Options(enabled=("bandit",)), cancellation)
    assert not alive(pid)


def test_closing_ends_every_worker() -> None:
    running = Analyzers()
    running.warm_up()
    (pid,) = running.pids
    running.close()
    assert not alive(pid)


def test_a_worker_imports_from_where_its_parent_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server bundled with an editor lives in no site-packages."""
    monkeypatch.setattr(sys, "path", ["", "relative", *sys.path])
    *_, code = worker.command()
    paths = ast.literal_eval(code.split("sys.path[:] = ")[1].split(";")[0])
    assert paths == [p for p in sys.path if p.startswith("/")]
    assert worker.command()[1] == "-I"


def test_an_unknown_method_is_an_error_and_the_worker_lives() -> None:
    pool = WorkerPool()
    try:
        with pytest.raises(WorkerError, match="KeyError"):
            pool.call("no such method", {}, timeout_s=20)
        (pid,) = pool.pids
        pool.call("warm_up", {}, timeout_s=20)
        assert pool.pids == (pid,)
    finally:
        pool.close()


HOSTILE = {
    "deep brackets": "x = " + "(" * 1000 + ")" * 1000 + "\n",
    "deep operators": "x = " + "-" * 100_000 + "1\n",
    "deep attributes": "x = a" + ".b" * 50_000 + "\n",
    "deep blocks": "".join(" " * i + "if x:\n" for i in range(1000)) + " " * 1000 + "pass\n",
    "binary junk": bytes(range(256)).decode("latin-1") * 400,
    "null bytes": "\0" * 10_000,
    "one line of 10 MB": "x = '" + "a" * 10_000_000 + "'\n",
    "50,000 lines": "assert x == 1  # why\n" * 50_000,
    "empty": "",
    "only a BOM": "\ufeff",
    "lone surrogates": "x = '\ud800\udfff'\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_text_gets_an_answer_or_a_stated_limit(analyzers: Analyzers, case: str) -> None:
    started = time.monotonic()
    analysis = analyzers.analyze(python(HOSTILE[case]), Options(timeout_s=60))
    assert time.monotonic() - started < 60
    for problem in analysis.problems:
        assert problem.kind in ("too-large", "timeout", "crash")
        assert problem.message
    if not analysis.problems:
        assert len(analysis.analyzers) >= 2
    assert analyzers.analyze(python("import os\n")).problems == ()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
