"""Ctrl+C: to the whole foreground group, as a terminal sends it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import PROGRAM, environment

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")

SOURCE = "import os\nimport yaml\n\n\ndef load(f):\n    return yaml.load(f)\n\n\n" + "x = {'a': [1, 2, 3]}\n" * 400


def _start(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=root,
        env=environment(root.parent),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A shell's background job ignores Ctrl+C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _left(home: Path) -> list[int]:
    """The processes that run with this home: the program and whatever it has started."""
    marker = f"HOME={environment(home)['HOME']}\0".encode()
    return [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/environ") if marker in _bytes(p)]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("after_s", [0.4, 1.2, 2.0])
@pytest.mark.parametrize("command", [("check", "."), ("repair", ".", "--write")])
def test_nothing_half_written_and_no_child_left(tmp_path: Path, command: tuple[str, ...], after_s: float) -> None:
    root = tmp_path / "project"
    root.mkdir()
    for number in range(60):
        (root / f"m{number:02}.py").write_text(SOURCE)
    process = _start(root, *command)
    time.sleep(after_s)
    assert process.pid in _left(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, (out, err)
    assert b"Traceback" not in err
    assert b"Interrupted" in err
    deadline = time.monotonic() + 5
    while _left(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _left(tmp_path) == []
    repaired = SOURCE.replace("import os\n", "").replace("yaml.load", "yaml.safe_load")
    texts = [p.read_text() for p in sorted(root.iterdir())]
    assert len(texts) == 60
    assert {*texts} <= {SOURCE, repaired}
    if b"files were finished" in err:
        finished = int(err.partition(b"Interrupted: ")[2].split()[0])
        assert texts.count(repaired) == finished
