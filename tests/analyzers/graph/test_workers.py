"""Extraction in worker processes: equal results, and one bad file never costs another."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from graph_tables import edges_of

from codefactory.analyzers.graph import DependencyGraph, DiskFiles, GraphCache, MemoryFiles, OverlayFiles
from codefactory.analyzers.graph.extraction import BATCH_FILES, IN_PROCESS_BYTES
from codefactory.analyzers.worker import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def project(folder: Path, count: int = 3 * BATCH_FILES) -> None:
    for number in range(count):
        (folder / f"m{number}.py").write_text(f"import m{(number + 1) % count}\n# é {number}\nfrom . import m0\n")
    (folder / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\n# \xe9\nimport m0\n")
    (folder / "bad.py").write_bytes(b"\0\0")


def test_workers_find_what_this_process_finds(tmp_path: Path, workers: WorkerPool) -> None:
    project(tmp_path)
    here = DependencyGraph.build(DiskFiles(tmp_path))
    there = DependencyGraph.build(DiskFiles(tmp_path), workers=workers)
    assert there.edges() == here.edges()
    assert there.problems == here.problems
    assert [p.kind for p in there.problems] == ["unsupported"]


def test_workers_get_the_text_of_unsaved_buffers(tmp_path: Path, workers: WorkerPool) -> None:
    project(tmp_path)
    files = OverlayFiles(DiskFiles(tmp_path), {"m5.py": "import m9", "new.py": "import m5"})
    graph = DependencyGraph.build(files, workers=workers)
    assert graph.dependencies("m5.py") == ("m9.py",)
    assert graph.dependencies("new.py") == ("m5.py",)


def test_a_warm_start_after_workers(tmp_path: Path, workers: WorkerPool) -> None:
    (tmp_path / "p").mkdir()
    project(tmp_path / "p")
    cache = GraphCache(tmp_path / "cache")
    graph = DependencyGraph.build(DiskFiles(tmp_path / "p"), cache, workers)
    graph.save(cache)
    (tmp_path / "p" / "m1.py").write_text("import m7")
    again = DependencyGraph.build(DiskFiles(tmp_path / "p"), GraphCache(tmp_path / "cache"), workers)
    assert again.dependencies("m1.py") == ("m7.py",)
    assert again.edges() == DependencyGraph.build(DiskFiles(tmp_path / "p")).edges()


def test_a_big_buffer_is_parsed_elsewhere(workers: WorkerPool) -> None:
    text = "x = [1, 2, 3]\n" * (IN_PROCESS_BYTES // 5) + "import b\n"
    graph = DependencyGraph.build(MemoryFiles({"a.py": "", "b.py": ""}), workers=workers)
    graph.update("a.py", text)
    assert edges_of(graph, "a.py") == ["import b -> b.py"]


def test_a_worker_that_dies_costs_nothing_but_time(tmp_path: Path) -> None:
    project(tmp_path)
    pool = WorkerPool(2)
    stop = threading.Event()
    killed: list[int] = []

    def kill() -> None:
        while not stop.is_set() and len(killed) < 2:
            for pid in pool.pids:
                if pid not in killed and len(killed) < 2:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        graph = DependencyGraph.build(DiskFiles(tmp_path), workers=pool)
    finally:
        stop.set()
        killer.join()
        pool.close()
    assert killed
    whole = DependencyGraph.build(DiskFiles(tmp_path))
    missing = {p.message.partition(" ")[0] for p in graph.problems} - {"bad.py"}
    assert graph.files == whole.files
    for path in whole.files:
        if path not in missing:
            assert graph.dependencies(path) == whole.dependencies(path)
    assert len(missing) <= len(killed)


async def test_an_event_loop_goes_on_while_a_big_buffer_is_parsed(workers: WorkerPool) -> None:
    text = "x = [1, 2, 3]\n" * 100_000 + "import a\n"
    graph = DependencyGraph.build(MemoryFiles({"a.py": ""}), workers=workers)
    ticks = 0
    updating = asyncio.get_running_loop().run_in_executor(None, graph.update, "a.py", text)
    while not updating.done():
        await asyncio.sleep(0.005)
        ticks += 1
    await updating
    assert ticks >= 10
