"""What a small local model repairs of what no fixer decides, in one round and with the gate's feedback in up to three.

    python bench/model.py [--model embedded/qwen2.5-coder-1.5b] [--rounds 1 3] [--max-minutes 20] [--files N]
                          [--corpus ledger bandit]

The files: those of examples/ledger, and ten of bandit's own examples, in which findings are left after the fixers. A
round that was asked before, letter for letter, is not asked again: its reply, its tokens and its seconds are those of
the first time. What is out of time is said to be. The model must have been pulled: codefactory models pull …
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repair import OPTIONS, default_corpus
from rich import box
from rich.console import Console
from rich.table import Table

from codefactory.analyzers import Analyzers
from codefactory.pipelines.budget import Budget
from codefactory.pipelines.models.configured import make_model
from codefactory.pipelines.repair import repair
from codefactory.pipelines.settings import LocalSettings, ModelSettings
from codefactory.server import files

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from codefactory.analyzers import Finding
    from codefactory.pipelines.models import Chunk, Message, Model, Price
    from codefactory.pipelines.proposal import Proposal, Refusal

LEDGER = Path(__file__).resolve().parent.parent / "examples" / "ledger" / "ledger"
BANDIT = (
    "eval.py",
    "exec.py",
    "hardcoded-tmp.py",
    "jinja2_templating.py",
    "marshal_deserialize.py",
    "mktemp.py",
    "multiline_statement.py",
    "os_system.py",
    "pickle_deserialize.py",
    "snmp.py",
)


@dataclass
class Remembering:
    """A model whose first replies are remembered: at temperature 0 the same question has the same answer."""

    model: Model
    replies: dict[tuple[Message, ...], tuple[list[Chunk], float]] = field(default_factory=dict)
    saved_s: float = 0.0
    """What the replies that were remembered took when they were made."""

    @property
    def name(self) -> str:
        return self.model.name

    async def price(self) -> Price | None:
        return await self.model.price()

    async def complete(self, messages: Sequence[Message], **options: Any) -> AsyncGenerator[Chunk]:
        key = tuple(messages)
        if options.get("temperature") or key not in self.replies:
            started = time.perf_counter()
            chunks: list[Chunk] = []
            async for chunk in self.model.complete(messages, **options):
                chunks.append(chunk)
                yield chunk
            self.replies.setdefault(key, (chunks, time.perf_counter() - started))
            return
        chunks, seconds = self.replies[key]
        self.saved_s += seconds
        for chunk in chunks:
            yield chunk


@dataclass
class Row:
    """Sums over files."""

    files: int = 0
    left: int = 0
    """Findings that the fixers leave and the model is asked about."""
    repaired: int = 0
    """Of those, gone in what the gate accepted."""
    accepted: int = 0
    """Files for which a change of the model's was accepted."""
    rounds: int = 0
    refused: int = 0
    unusable: int = 0
    """Replies without an edit that could be applied."""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    out_of_time: int = 0


def left_in(result: Proposal | Refusal) -> tuple[Finding, ...]:
    from codefactory.pipelines.repair.rounds import LEAST_SEVERITY, NOT_ASKED

    found = result.remaining if result.kind == "refusal" else result.evidence.verdict.delta.remaining
    return tuple(f for f in found if f.severity >= LEAST_SEVERITY and f.code not in NOT_ASKED)


async def measure(path: Path, row: Row, model: Remembering, rounds: int, analyzers: Analyzers) -> None:
    """Add one file to `row`."""
    file = files.read(path, "python")
    if isinstance(file, files.Unreadable):
        raise SystemExit(f"{path}: {file.problem.message}")
    before = left_in(await repair(file.snapshot, analyzers, options=OPTIONS))
    saved_s, started = model.saved_s, time.perf_counter()
    budget = Budget(max_rounds=rounds, max_tokens=30_000, max_usd=None, max_seconds=600)
    result = await repair(file.snapshot, analyzers, options=OPTIONS, model=model, budget=budget)
    row.seconds += time.perf_counter() - started + model.saved_s - saved_s
    tries = result.rounds if result.kind == "refusal" else result.evidence.rounds
    gone = max(0, len(before) - len(left_in(result)))
    row.files += 1
    row.left += len(before)
    row.repaired += gone
    row.accepted += result.kind == "proposal" and result.origin != "fixers"
    row.rounds += len(tries)
    row.refused += sum(r.verdict is not None and not r.verdict.accepted for r in tries)
    row.unusable += sum(r.verdict is None for r in tries)
    row.input_tokens += sum(r.usage.input_tokens or 0 for r in tries)
    row.output_tokens += sum(r.usage.output_tokens or 0 for r in tries)
    said = [r.problem or str(r.verdict) for r in tries]
    print(f"{rounds} rounds  {path.name}: {gone} of {len(before)} repaired  {said}", file=sys.stderr, flush=True)


async def run(options: argparse.Namespace) -> dict[tuple[str, int], Row]:
    """All limits of rounds on a file before the next one, so that they are of the same files whenever time is up."""
    made = make_model(ModelSettings(name=options.model, timeout_s=300), local=LocalSettings(discover=False))
    if made is None:
        raise SystemExit("no model")
    model = Remembering(made)
    corpora = {
        "ledger": sorted(LEDGER.glob("*.py")),
        "bandit": [default_corpus() / name for name in BANDIT],
    }
    deadline_s = time.monotonic() + 60 * options.max_minutes
    analyzers = Analyzers(1)
    rows: dict[tuple[str, int], Row] = {}
    try:
        for name in options.corpus:
            asked = [path for path in corpora[name] if await _is_left(path, analyzers)][: options.files]
            for path in asked:
                for rounds in options.rounds:
                    row = rows.setdefault((name, rounds), Row())
                    if time.monotonic() > deadline_s:
                        row.out_of_time += 1
                    else:
                        await measure(path, row, model, rounds, analyzers)
    finally:
        analyzers.close()
    return rows


async def _is_left(path: Path, analyzers: Analyzers) -> bool:
    file = files.read(path, "python")
    return not isinstance(file, files.Unreadable) and bool(
        left_in(await repair(file.snapshot, analyzers, options=OPTIONS))
    )


def print_rows(rows: dict[tuple[str, int], Row], model: str) -> None:
    out = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, title=f"{model}, {os.cpu_count()} cores", title_justify="left")
    table.add_column("files of")
    columns = ("rounds up to", "files", "findings left by the fixers", "repaired", "files changed")
    for title in (*columns, "asked", "refused by the gate", "no usable edit", "tokens in", "tokens out", "s"):
        table.add_column(title, justify="right")
    for (name, rounds), row in rows.items():
        counts = (row.files, row.left, row.repaired, row.accepted, row.rounds, row.refused, row.unusable)
        cells = [str(n) for n in counts] + [f"{row.input_tokens:,}", f"{row.output_tokens:,}", f"{row.seconds:.0f}"]
        table.add_row(name, str(rounds), *cells)
    out.print(table)
    for (name, rounds), row in rows.items():
        if row.out_of_time:
            out.print(f"{name}, {rounds} rounds: {row.out_of_time} files were out of time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="embedded/qwen2.5-coder-1.5b")
    parser.add_argument("--rounds", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--max-minutes", type=float, default=20.0)
    parser.add_argument("--corpus", nargs="+", choices=("ledger", "bandit"), default=["ledger", "bandit"])
    parser.add_argument("--files", type=int, help="of each corpus; default: all")
    options = parser.parse_args()
    print_rows(asyncio.run(run(options)), options.model)


if __name__ == "__main__":
    main()
