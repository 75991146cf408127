"""A ruff that waits for the next text gives what one gives that is started for it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Cancellation, CancelledError, Snapshot, ruff
from codefactory.analyzers.ruff import RuffOptions
from codefactory.analyzers.standby import Standby

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = ("import os\n", "x = 1\n", "", "def f(:\n", "x = '😀'; import os\n", "import os\n" * 20_000)


@pytest.fixture
def standby() -> Iterator[Standby]:
    made = Standby()
    yield made
    made.close()


def waiting(standby: Standby) -> int:
    deadline = time.monotonic() + 30
    while (pid := standby.pid) is None:
        assert time.monotonic() < deadline, "no process was started"
        time.sleep(0.01)
    return pid


def document(folder: Path, text: str) -> Snapshot:
    return Snapshot((folder / "a.py").as_uri(), text, "python")


def test_answers_are_the_same(tmp_path: Path, standby: Standby) -> None:
    used: set[int] = set()
    for text in TEXTS:
        assert ruff.analyze(document(tmp_path, text), standby=standby) == ruff.analyze(document(tmp_path, text))
        used.add(waiting(standby))
    assert len(used) == len(TEXTS)


def test_another_document_or_other_rules_get_a_process_of_their_own(tmp_path: Path, standby: Standby) -> None:
    ruff.analyze(document(tmp_path, "x = 1\n"), standby=standby)
    waiting(standby)
    other = Snapshot((tmp_path / "b.pyi").as_uri(), "import os\nx: int = 1\n", "python")
    assert ruff.analyze(other, standby=standby) == ruff.analyze(other)
    waiting(standby)
    options = RuffOptions(arguments=("--isolated", "--select", "W292"))
    assert ruff.analyze(other.with_text("x"), options, standby=standby).findings[0].code == "W292"


def test_a_changed_configuration_counts_at_once(tmp_path: Path, standby: Standby) -> None:
    (tmp_path / "ruff.toml").write_text('lint.select = ["F401"]\n')
    text = document(tmp_path, "import os\nprint(1)\n")
    assert [f.code for f in ruff.analyze(text, standby=standby).findings] == ["F401"]
    waiting(standby)
    (tmp_path / "ruff.toml").write_text('lint.select = ["T201"]\n')
    assert [f.code for f in ruff.analyze(text, standby=standby).findings] == ["T201"]
    waiting(standby)
    (tmp_path / "ruff.toml").write_text("lint.select = 3\n")
    assert [p.kind for p in ruff.analyze(text, standby=standby).problems] == ["configuration"]


def test_an_excluded_file_has_no_findings(tmp_path: Path, standby: Standby) -> None:
    (tmp_path / "ruff.toml").write_text('exclude = ["a.py"]\n')
    for _ in range(2):
        assert ruff.analyze(document(tmp_path, "import os\n"), standby=standby).findings == ()
        waiting(standby)


def test_a_process_that_is_killed_while_it_waits_costs_only_time(tmp_path: Path, standby: Standby) -> None:
    ruff.analyze(document(tmp_path, "x = 1\n"), standby=standby)
    os.kill(waiting(standby), signal.SIGKILL)
    assert [f.code for f in ruff.analyze(document(tmp_path, "import os\n"), standby=standby).findings] == ["F401"]


def test_cancelling_ends_the_process(tmp_path: Path, standby: Standby) -> None:
    ruff.analyze(document(tmp_path, "x = 1\n"), standby=standby)
    pid = waiting(standby)
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(CancelledError):
        ruff.analyze(document(tmp_path, "x = 2\n"), cancellation=cancellation, standby=standby)
    standby.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_closing_leaves_no_process(tmp_path: Path) -> None:
    standby = Standby()
    ruff.analyze(document(tmp_path, "x = 1\n"), standby=standby)
    pid = waiting(standby)
    standby.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert ruff.analyze(document(tmp_path, "import os\n"), standby=standby).findings
    assert standby.pid is None
