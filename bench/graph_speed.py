"""How fast the dependency graph is: ours, the peers and the floor in one run: `python bench/graph_speed.py`.

Medians of wall time in milliseconds. The floor is reading the bytes, and tree-sitter's parse without anything else.
Fetches what it needs (see graph_corpora.py). Arguments: django, homeassistant; --aider installs that peer too, which
takes minutes. Other work on the machine shows in all rows alike: compare with the floor of the same run.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import graph_corpora as corpora

from codefactory.analyzers.graph import DependencyGraph, DiskFiles, GraphCache, MemoryFiles
from codefactory.analyzers.syntax import parser_for
from codefactory.analyzers.worker import WorkerPool
from codefactory.server.folder_graph import FolderGraph

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Parser

ORACLES = Path(__file__).parent / "graph_oracles"
GOALS_MS = {"django": 600, "homeassistant": 3000}


def median_ms(repeat: int, work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(repeat):
        gc.collect()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def show(name: str, milliseconds: float, goal: str = "") -> None:
    print(f"  {name:58s} {milliseconds:9.1f} ms  {goal}")


def tree(package: str) -> None:
    root = corpora.wheel(package)
    repeat = 5 if package == "django" else 3
    files = DiskFiles(root)
    sources = [p for p in files.list() if p.endswith((".py", ".pyi"))]
    size = sum((root / p).stat().st_size for p in sources)
    print(f"{package}: {len(sources)} Python files, {size / 1e6:.1f} MB")
    show("floor: list the files", median_ms(repeat, files.list))
    contents = [files.read(p) for p in sources]
    show("floor: read the bytes", median_ms(repeat, lambda: [files.read(p) for p in sources]))
    parser = parser_for("python")
    assert parser is not None
    show("floor: bare parse, one process", median_ms(repeat, lambda: _parse_all(parser, contents)))

    def cold() -> DependencyGraph:
        workers = WorkerPool(2)
        try:
            return DependencyGraph.build(files, workers=workers)
        finally:
            workers.close()

    graph = cold()
    took = median_ms(repeat, cold)
    show("ours: cold, two processes, their start included", took, f"goal {GOALS_MS[package]}")
    show("ours: the same, processor time on both cores", cpu_ms(cold))
    workers = WorkerPool(2)
    DependencyGraph.build(files, workers=workers)
    show("ours: cold, the processes running", median_ms(repeat, lambda: DependencyGraph.build(files, workers=workers)))
    show("ours: cold, in this process", median_ms(repeat, lambda: DependencyGraph.build(files)))
    with tempfile.TemporaryDirectory() as folder:
        graph.save(GraphCache(Path(folder) / "graph"))
        show("ours: warm, every file read and hashed",
             median_ms(repeat, lambda: DependencyGraph.build(files, GraphCache(Path(folder) / "graph"))),
             "goal 150" if package == "django" else "")  # fmt: skip
        print(f"  {'ours: size of the cache':58s} {(Path(folder) / 'graph').stat().st_size / 1e3:9.1f} kB")
    show("floor: longest stall of an idle event loop", stall(lambda: time.sleep(0.5)))
    stalls(root, workers)
    workers.close()
    edits(graph)
    peers(package, root, repeat, took)


def _parse_all(parser: Parser, contents: list[bytes]) -> None:
    for content in contents:
        parser.parse(content)  # dropped at once: memory for all trees together would cost as much again


def stalls(root: Path, workers: WorkerPool) -> None:
    """While the language server builds its graph and writes the cache, and while it starts from that."""
    sys.setswitchinterval(0.001)  # as the server does

    def build() -> None:
        FolderGraph(root, 1_000_000, workers).build({})

    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache

        def cold() -> None:
            shutil.rmtree(cache, ignore_errors=True)
            build()

        show("ours: longest stall of the server's event loop, cold", stall(cold), "goal 20")
        show("ours: the same, warm", stall(build), "goal 20")
    sys.setswitchinterval(0.005)


def stall(work: Callable[[], object]) -> float:
    """How late an event loop's timer of 1 ms comes at worst while another thread works."""

    async def measured() -> float:
        worst = 0.0
        with ThreadPoolExecutor(1) as threads:
            running = asyncio.get_running_loop().run_in_executor(threads, work)
            while not running.done():
                started = time.perf_counter()
                await asyncio.sleep(0.001)
                worst = max(worst, time.perf_counter() - started - 0.001)
            await running
        return worst

    return 1000 * statistics.median(asyncio.run(measured()) for _ in range(3))


def cpu_ms(work: Callable[[], object]) -> float:
    """Processor time of this process and its children, which other work on the machine hardly changes."""

    def used() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in both)

    before = used()
    work()
    return 1000 * (used() - before)


def edits(graph: DependencyGraph) -> None:
    """One character more at 60 places of each file of about 1,000 lines; and an import more."""
    paths = [p for p in graph.files if 950 <= graph.read(p).count(b"\n") <= 1050][:8]
    typed: list[float] = []
    imported: list[float] = []
    for path in paths:
        text = graph.read(path).decode()
        graph.update(path, text + "\n")
        for step in range(60):
            at = len(text) * step // 60
            started = time.perf_counter()
            graph.update(path, text[:at] + "x" + text[at:])
            typed.append(time.perf_counter() - started)
        started = time.perf_counter()
        graph.update(path, text + "\nimport json, django.db\n")
        imported.append(time.perf_counter() - started)
        graph.update(path, text)
    show(f"ours: after one character, {len(paths)} files of 1,000 lines", 1000 * statistics.median(typed), "goal 5")
    show("ours: the same, 99th percentile", 1000 * statistics.quantiles(typed, n=100)[-1])
    show("ours: after an import was added", 1000 * statistics.median(imported))


def peers(package: str, root: Path, repeat: int, ours: float) -> None:
    ruff = str(Path(sys.executable).parent / "ruff")
    took = median_ms(repeat, lambda: corpora.run(ruff, "analyze", "graph", "-q", ".", cwd=root))
    show("ruff analyze graph", took, f"ours: {ours / took:.1f} times as long, goal 6")
    grimp = str(corpora.tool_environment("grimp", "grimp"))
    for name, cache in (("grimp, no cache", "None"), ("grimp, warm cache", "'.grimp'")):
        code = (
            f"import sys, time, grimp; sys.path.insert(0, '.'); t = time.perf_counter(); "
            f"grimp.build_graph({package!r}, cache_dir={cache}); print(1000 * (time.perf_counter() - t))"
        )
        times = [float(corpora.run(grimp, "-c", code, cwd=root)) for _ in range(repeat)]
        show(f"{name} (without its import)", statistics.median(times))
    if "--aider" in sys.argv:
        python = str(corpora.tool_environment("aider", "aider-chat"))
        edited = next(p for p in sorted(root.rglob("*.py")) if p.stat().st_size > 20_000)
        said = json.loads(corpora.run(python, str(ORACLES / "aider_map.py"), str(edited), cwd=root).splitlines()[-1])
        for name in ("cold", "warm", "edit"):
            faster = f"ours: {1000 * said[name] / ours:.1f} times faster, goal 8" if name == "cold" else ""
            show(f"aider's repository map, {name}", 1000 * said[name], faster)


class _Emptied(DiskFiles):
    def read(self, path: str) -> bytes:
        return b""


def memory() -> None:
    """What tracemalloc sees: a file without imports, and what each import adds."""
    files = DiskFiles(corpora.wheel("django"))
    DependencyGraph.build(files)  # what is loaded once is not counted

    def held(empty: bool) -> tuple[int, DependencyGraph]:
        gc.collect()
        tracemalloc.start()
        graph = DependencyGraph.build(_Emptied(files.root) if empty else DiskFiles(files.root))
        gc.collect()
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size, graph

    without, _ = held(empty=True)
    whole, graph = held(empty=False)
    imports = len(graph.edges())
    print(f"memory, django: {len(graph)} files, {imports} imports kept with places, {whole / 1e6:.2f} MB in all")
    print(f"  {'a file, without its imports':58s} {without / len(graph):9.0f} B   goal 4,000")
    print(f"  {'an import':58s} {(whole - without) / imports:9.0f} B   goal 150")


def many_files() -> None:
    count = 20_000
    following = [(i + 1) % count for i in range(count)]
    files = MemoryFiles({
        f"p{i // 100}/m{i}.py": f"import os\nfrom p{j // 100} import m{j}\nfrom . import m{i}\n"
        for i, j in enumerate(following)
    })  # fmt: skip
    print(f"{count} files in {count // 100} folders")
    built: list[DependencyGraph] = []
    show("build, in this process", median_ms(1, lambda: built.append(DependencyGraph.build(files))))
    graph = built[0]
    show("transitive dependents of one file", median_ms(3, lambda: graph.dependents("p0/m0.py", transitive=True)))
    show("topological order, one cycle of all files", median_ms(3, graph.topological_order))
    show("a file is created", median_ms(1, lambda: graph.update("p5/new.py", "import os")))
    show("one edit", median_ms(5, lambda: graph.update("p9/m950.py", f"import os # {time.perf_counter()}")))


def main() -> None:
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")] or ["django", "homeassistant"]
    for package in wanted:
        tree(package)
    memory()
    many_files()


if __name__ == "__main__":
    main()
