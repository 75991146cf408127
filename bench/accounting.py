"""The ledger against the server's own count, over randomised calls: failures, retries, cancels, streams cut midway.

python bench/accounting.py [--calls 10000] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from accounting import compare


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    found = asyncio.run(compare(options.calls, options.seed))
    table = Table("", "", title=f"The ledger and the server, seed {options.seed}", show_header=False)
    for name, value in (
        ("calls", found.calls),
        ("requests that the server got", found.requests),
        ("calls that failed", found.failed),
        ("calls that were cancelled", found.cancelled),
        ("calls of unknown usage, by the ledger", found.unknown),
        ("… of these cancelled, and all their requests accounted for", found.careful),
        ("differences", len(found.differences)),
        ("seconds", round(time.perf_counter() - started)),
    ):
        table.add_row(name, f"{value:,}")
    console = Console()
    console.print(table)
    console.print(found.totals)
    for difference in found.differences[:20]:
        console.print(difference)
    return bool(found.differences)


if __name__ == "__main__":
    sys.exit(main())
