"""The audit log: written by several at once, over crashes and rotation, and whole afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.audit import AuditLog, Place, read, verify
from codefactory.pipelines.engine import Context, Engine, Graph

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data", tmp_path / "config")


def note(place: Place, count: int, **options: Any) -> None:
    with AuditLog(place, **options) as log:
        for number in range(count):
            log.note("test", number=number)
            log.flush()
    assert log.problem is None


def test_records_are_numbered_and_chained(place: Place) -> None:
    note(place, 2)
    note(place, 1)
    records = list(read(place))
    assert [(r.n, r.kind, r.facts) for r in records] == [
        (1, "test", {"number": 0}),
        (2, "test", {"number": 1}),
        (3, "test", {"number": 0}),
    ]
    assert [r.before for r in records[1:]] == [r.code for r in records[:-1]]
    assert (verify(place).records, verify(place).broken) == (3, None)
    assert place.file.stat().st_mode & 0o077 == 0


def test_threads_and_processes_write_one_after_the_other(place: Place) -> None:
    code = (
        "import sys; from pathlib import Path; from codefactory.pipelines.audit import AuditLog, Place\n"
        "with AuditLog(Place(Path(sys.argv[1]), Path(sys.argv[2]))) as log:\n"
        "    for i in range(20): log.note('process', i=i); log.flush()\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(place.log_folder), str(place.proof_folder)]) for _ in range(2)
    ]
    with AuditLog(place) as log:
        threads = [threading.Thread(target=lambda: [log.note("thread", i=i) for i in range(50)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [p.wait(60) for p in processes] == [0, 0]
    verdict = verify(place)
    assert (verdict.records, verdict.broken) == (240, None)


def test_rotation_keeps_the_chain(place: Place) -> None:
    note(place, 30, max_bytes=2_000)
    assert len(place.files()) > 2
    assert (verify(place).records, verify(place).broken) == (30, None)


def test_a_line_cut_short_by_a_crash_is_recognised_and_mended(place: Place) -> None:
    note(place, 2)
    with place.file.open("ab") as file:
        file.write(b'{"n":3,"at":1')
    verdict = verify(place)
    assert (verdict.records, verdict.broken, verdict.torn) == (2, None, 13)
    note(place, 1)
    assert [r.kind for r in read(place)] == ["test", "test", "torn_line_cut", "test"]
    assert verify(place).broken is None


def test_nothing_that_looks_like_a_secret_is_written(place: Place) -> None:
    with AuditLog(place) as log:
        log.note("command_run", arguments=["curl", "https://ada:hunter2@example.com", "ghp_" + "a1" * 20])
    text = place.file.read_text()
    assert "hunter2" not in text
    assert "ghp_" not in text


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the place of the folder")
    log = AuditLog(Place(tmp_path / "data", tmp_path / "config"))
    log.note("test")
    log.flush()
    assert "cannot be written" in (log.problem or "")


async def test_runs_are_in_it(place: Place) -> None:
    async def work(ctx: Context) -> None:
        ctx.audit("file_written", path="a.txt", bytes=3)

    log = AuditLog(place)
    await Engine(audit=log).run(Graph("g").add_node("a", work).compile(), run_id="r1")
    log.close()
    found = [(r.kind, r.facts.get("run"), r.facts.get("step")) for r in read(place)]
    assert found == [("run_started", "r1", None), ("file_written", "r1", "a"), ("run_finished", "r1", None)]
    assert json.loads(place.file.read_text().splitlines()[0])["facts"]["role"] == "admin"
