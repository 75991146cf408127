"""Repairs without a model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Analyzers, Options, Safety, Snapshot
from codefactory.analyzers.ruff import RuffOptions
from codefactory.pipelines.proposal import Proposal, Refusal, SuiteRun
from codefactory.pipelines.repair import Progress, repair

if TYPE_CHECKING:
    from collections.abc import Collection

ONLY_F = Options(ruff=RuffOptions(arguments=("--isolated", "--select", "F,I")))
UNTIDY = "import os, sys\nimport yaml\n\n\ndef read(stream):\n    return yaml.load(stream)\n"
TIDY = "import yaml\n\n\ndef read(stream):\n    return yaml.safe_load(stream)\n"


def python(text: str) -> Snapshot:
    return Snapshot("file:///nowhere/app.py", text, "python", version=7)


async def repaired(
    analyzers: Analyzers, text: str, allow: Safety = Safety.REVIEW, only: Collection[str] | None = None
) -> Proposal:
    result = await repair(python(text), analyzers, options=ONLY_F, allow=allow, only=only)
    assert isinstance(result, Proposal), result
    return result


async def test_passes_until_nothing_more_applies(analyzers: Analyzers) -> None:
    """ruff's import sorting and its removal of imports overlap, so one comes after the other."""
    proposal = await repaired(analyzers, UNTIDY)
    assert proposal.after == TIDY
    assert proposal.snapshot.lines.apply(proposal.edits) == TIDY
    assert proposal.snapshot.version == 7
    assert proposal.origin == "fixers"
    assert proposal.safety is Safety.REVIEW


async def test_the_evidence_says_who_fixed_what(analyzers: Analyzers) -> None:
    evidence = (await repaired(analyzers, UNTIDY)).evidence
    assert {f.rule for f in evidence.verdict.delta.fixed} == {"ruff:F401", "ruff:I001", "bandit:B506"}
    assert evidence.verdict.delta.remaining == ()
    assert {f.fixer for f in evidence.fixes} == {"ruff", "yaml-safe-load"}
    assert [a.split()[0] for a in sorted(evidence.analyzers)] == ["bandit", "ruff", "syntax"]
    assert evidence.rounds == ()
    assert evidence.cost_usd == 0


async def test_safe_only_leaves_behaviour_alone(analyzers: Analyzers) -> None:
    proposal = await repaired(analyzers, UNTIDY, Safety.SAFE)
    assert "yaml.load(stream)" in proposal.after
    assert "import os" not in proposal.after
    assert proposal.safety is Safety.SAFE
    assert [f.rule for f in proposal.evidence.verdict.delta.remaining] == ["bandit:B506"]


async def test_only_the_findings_named_are_repaired(analyzers: Analyzers) -> None:
    analysis = analyzers.analyze(python(UNTIDY), ONLY_F)
    (wanted,) = (f.fingerprint for f in analysis.findings if f.code == "B506")
    proposal = await repaired(analyzers, UNTIDY, only=[wanted])
    assert proposal.after == UNTIDY.replace("yaml.load", "yaml.safe_load")


async def test_nothing_to_repair_is_a_refusal(analyzers: Analyzers) -> None:
    result = await repair(python("x = 1\n"), analyzers, options=ONLY_F)
    assert isinstance(result, Refusal)
    assert "nothing to repair" in result.reason


async def test_a_refusal_names_what_remains_and_why(analyzers: Analyzers) -> None:
    result = await repair(python("def run(code):\n    exec(code)\n"), analyzers, options=ONLY_F)
    assert isinstance(result, Refusal)
    assert [f.code for f in result.remaining] == ["B102"]
    assert "codefactory.model.name" in result.reason


async def test_a_missing_tool_is_in_the_evidence(analyzers: Analyzers) -> None:
    options = Options(ruff=RuffOptions(path="/nowhere/ruff"))
    result = await repair(python(UNTIDY), analyzers, options=options)
    assert isinstance(result, Proposal)
    assert [(p.analyzer, p.kind) for p in result.evidence.problems] == [("ruff", "missing")]


async def test_text_around_a_fix_keeps_its_bytes(analyzers: Analyzers) -> None:
    text = "import yaml\r\n\r\n\r\ndef read(stream):\t# 漢\r\n    note = '😀'; return note, yaml.load(stream)"
    assert (await repaired(analyzers, text)).after == text.replace("yaml.load", "yaml.safe_load")


async def test_progress_is_told(analyzers: Analyzers) -> None:
    said: list[Progress] = []
    await repair(python(UNTIDY), analyzers, options=ONLY_F, report=said.append)
    assert [p.stage for p in said[:2]] == ["analyze", "fix"]


@pytest.mark.parametrize(
    ("passing", "after"),
    [
        ("anything", TIDY),
        ("yaml.load(stream)", "import yaml\n\n\ndef read(stream):\n    return yaml.load(stream)\n"),
        ("import os", None),
    ],
)
async def test_a_change_that_breaks_a_test_is_not_proposed(
    analyzers: Analyzers, passing: str, after: str | None
) -> None:
    """With all fixes, else with the safe ones, else not at all."""

    async def tests(text: str | None) -> SuiteRun:
        ok = passing == "anything" or passing in (UNTIDY if text is None else text)
        return SuiteRun(("run-tests",), ok, "1 passed" if ok else "1 failed", 0.0)

    result = await repair(python(UNTIDY), analyzers, options=ONLY_F, tests=tests)
    if after is None:
        assert isinstance(result, Refusal)
        assert "1 failed" in result.reason
    else:
        assert isinstance(result, Proposal)
        assert result.after == after
        assert result.evidence.tests is not None
        assert result.evidence.tests.passed


async def test_cancelling_ends_the_work_and_its_processes() -> None:
    own = Analyzers()
    try:
        await asyncio.to_thread(own.warm_up)
        (pid,) = own.pids
        os.kill(pid, signal.SIGSTOP)
        task = asyncio.create_task(repair(python(UNTIDY), own, options=ONLY_F))
        await asyncio.sleep(0.3)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
        assert task.cancelled()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        own.close()
