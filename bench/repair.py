"""Deterministic repair of a corpus: what is fixed, what is not and why, what it costs.

    python bench/repair.py [CORPUS] [--json]

Without CORPUS: the examples in bandit's own source distribution, fetched into .bench/. What counts as fixed is what the
gate says of each accepted proposal; beside the gate, this script looks by itself for what must never be: a file that no
longer parses, a finding that is new, a silencing comment, a statement that is gone.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tarfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from codefactory.analyzers import Analyzers, Options, Severity, Snapshot
from codefactory.analyzers.ruff import RuffOptions
from codefactory.pipelines.repair import repair
from codefactory.server import files
from codefactory.server.selection import select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.analyzers import Analysis
    from codefactory.pipelines.proposal import Proposal, Refusal

BANDIT = "bandit==1.9.4"
CACHE = Path(__file__).resolve().parent.parent / ".bench"
# Fixed rules of ruff: neither a configuration above the corpus nor ruff's version may change the figures.
OPTIONS = Options(ruff=RuffOptions(arguments=("--isolated", "--select", "E4,E7,E9,F")))
NO_SHELL = frozenset({"bandit:B404", "bandit:B603", "bandit:B607"})
"""What bandit says of every program that is started, without a shell too."""
GOAL_S = 0.3
SILENCER = re.compile(r"#\s*(noqa|nosec|type:\s*ignore)")


@dataclass
class Tally:
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    fixed: Counter[str] = field(default_factory=Counter)
    by_fixer: Counter[tuple[str, str]] = field(default_factory=Counter)
    declined: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    refused: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    seconds: list[tuple[float, str]] = field(default_factory=list)
    traded: Counter[str] = field(default_factory=Counter)
    """Findings that took the place of a worse one: an argument list is still a subprocess."""
    wrong: list[str] = field(default_factory=list)
    changed: int = 0
    first_s: float = 0.0
    """Of a tiny file in a new process, which imports libcst for it."""


def default_corpus() -> Path:
    folder = CACHE / BANDIT.replace("==", "-")
    if not folder.exists():
        CACHE.mkdir(exist_ok=True)
        print(f"Fetching {BANDIT} …", file=sys.stderr)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--no-binary",
                ":all:",
                "-d",
                str(CACHE),
                BANDIT,
            ],
            check=True,
        )
        with tarfile.open(CACHE / f"{folder.name}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return folder / "examples"


async def run(corpus: Path) -> Tally:
    tally = Tally()
    analyzers = Analyzers()
    try:
        await asyncio.to_thread(analyzers.warm_up)
        started = time.perf_counter()
        await repair(Snapshot("file:///a.py", "import yaml\nyaml.load(x)\n", "python"), analyzers, options=OPTIONS)
        tally.first_s = time.perf_counter() - started
        for selected in select([corpus]):
            if selected.language != "python":
                continue
            file = files.read(selected.path, selected.language)
            if isinstance(file, files.Unreadable):
                tally.problems[file.problem.message] += 1
                continue
            before = await asyncio.to_thread(analyzers.analyze, file.snapshot, OPTIONS)
            started = time.perf_counter()
            result = await repair(file.snapshot, analyzers, options=OPTIONS)
            name = str(selected.path.relative_to(corpus))
            tally.seconds.append((time.perf_counter() - started, name))
            count(tally, name, before, result)
            if result.kind == "proposal":
                after = await asyncio.to_thread(analyzers.analyze, file.snapshot.with_text(result.after), OPTIONS)
                inspect(tally, name, before, after, result)
    finally:
        analyzers.close()
    return tally


def count(tally: Tally, name: str, before: Analysis, result: Proposal | Refusal) -> None:
    tally.before.update(f.rule for f in before.findings)
    if result.kind == "refusal":
        remaining = result.remaining
        problems = result.problems
        tally.after.update(f.rule for f in before.findings)
    else:
        tally.changed += 1
        delta, problems = result.evidence.verdict.delta, result.evidence.problems
        remaining = delta.remaining
        tally.fixed.update(f.rule for f in delta.fixed)
        tally.after.update(f.rule for f in (*delta.remaining, *delta.introduced))
        tally.by_fixer.update((f.fixer, f.safety.value) for f in result.evidence.fixes)
    tally.problems.update(f"{name}: {p.message}" for p in problems)
    declined = result.declined if result.kind == "refusal" else result.evidence.declined
    reasons = {finding.fingerprint: reason for finding, reason in declined}
    for finding in remaining:
        reason = reasons.get(finding.fingerprint, "no fixer for this rule, or its fix was refused by the gate")
        tally.declined[finding.rule][reason.replace("\n", " ")] += 1
    for round_ in result.evidence.rounds if result.kind == "proposal" else result.rounds:
        if round_.verdict and not round_.verdict.accepted:
            tally.refused.update(reason.code for reason in round_.verdict.reasons)


def inspect(tally: Tally, name: str, before: Analysis, after: Analysis, proposal: Proposal) -> None:
    """What must never be, without asking the gate."""
    old, new = proposal.snapshot.text, proposal.after
    if before.parses and not after.parses:
        tally.wrong.append(f"{name}: no longer parses")
        return
    worst = max((f.severity for f in proposal.evidence.verdict.delta.fixed), default=Severity.INFO)
    severity = {f.rule: f.severity for f in after.findings}
    more = Counter(f.rule for f in after.findings) - Counter(f.rule for f in before.findings)
    for rule, n in more.items():
        if severity[rule] < worst or (rule in NO_SHELL and severity[rule] is Severity.LOW):
            tally.traded[rule] += n
        else:
            tally.wrong.append(f"{name}: {n} more {rule}")
    if len(SILENCER.findall(new)) > len(SILENCER.findall(old)):
        tally.wrong.append(f"{name}: a silencing comment was added")
    lost = statements(old) - statements(new) if before.parses else 0
    if lost > 0:
        tally.wrong.append(f"{name}: {lost} statements fewer")


def statements(text: str) -> int:
    """Imports aside: an unused one may go."""
    nodes = ast.walk(ast.parse(text))
    return sum(isinstance(n, ast.stmt) and not isinstance(n, ast.Import | ast.ImportFrom) for n in nodes)


def tool_total(counter: Counter[str], tool: str) -> int:
    return sum(n for rule, n in counter.items() if rule.startswith(f"{tool}:"))


def print_tally(tally: Tally, corpus: Path) -> None:
    out = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    table = make_table("rule", ">before", ">fixed", ">after", "why not (how often)")
    for rule in sorted(tally.before | tally.after):
        why = "; ".join(f"{reason} ({n})" for reason, n in tally.declined[rule].most_common(3))
        row = (str(tally.before[rule]), str(tally.fixed[rule] or "–"), str(tally.after[rule] or "–"), why)
        table.add_row(rule, *row)
    out.print(table)
    fixers = make_table("fixer", "safety", ">findings")
    for (fixer, safety), n in tally.by_fixer.most_common():
        fixers.add_row(fixer, safety, str(n))
    out.print(fixers)
    for tool in ("bandit", "ruff", "syntax"):
        total, fixed = tool_total(tally.before, tool), tool_total(tally.fixed, tool)
        if total:
            left = tool_total(tally.after, tool)
            out.print(f"{tool}: {fixed} of {total} fixed, {left} afterwards")
    slowest, slowest_name = max(tally.seconds, default=(0.0, "–"))
    median = statistics.median(s for s, _ in tally.seconds) if tally.seconds else 0.0
    out.print(f"{len(tally.seconds)} files in {corpus}, {tally.changed} changed")
    out.print(f"time per file: median {median:.3f} s, max {slowest:.3f} s ({slowest_name})")
    over = sum(s >= GOAL_S for s, _ in tally.seconds)
    out.print(
        f"goal {GOAL_S} s, missed by {over}; the first file of a process, which imports libcst: {tally.first_s:.3f} s"
    )
    print_list(out, "Refused by the gate (model rounds)", (f"{code}: {n}" for code, n in tally.refused.most_common()))
    print_list(out, "New, in place of a worse one", (f"{rule}: {n}" for rule, n in tally.traded.most_common()))
    print_list(out, "Not checked", tally.problems)
    print_list(out, "WRONG", tally.wrong)


def make_table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    return table


def print_list(out: Console, heading: str, lines: Iterable[str]) -> None:
    lines = list(lines)
    if lines:
        out.print(f"{heading}:")
        for line in lines:
            out.print(f"  {line}", markup=False)


def to_json(tally: Tally) -> dict[str, Any]:
    return {
        "before": tally.before,
        "fixed": tally.fixed,
        "after": tally.after,
        "byFixer": {f"{fixer} ({safety})": n for (fixer, safety), n in tally.by_fixer.items()},
        "notFixed": tally.declined,
        "refused": tally.refused,
        "traded": tally.traded,
        "wrong": tally.wrong,
        "medianS": statistics.median(s for s, _ in tally.seconds) if tally.seconds else None,
        "firstS": tally.first_s,
        "maxS": max((s for s, _ in tally.seconds), default=None),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    corpus = chosen.corpus or default_corpus()
    tally = asyncio.run(run(corpus))
    if chosen.json:
        print(json.dumps(to_json(tally), indent=2))
    else:
        print_tally(tally, corpus)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
