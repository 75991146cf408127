from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codefactory.pipelines import proposal
from codefactory.pipelines.gate.project_tests import judge_tests, run_tests
from codefactory.pipelines.settings import Layer, resolve

PYTHON = sys.executable


def script(code: str) -> list[str]:
    return [PYTHON, "-c", code]


async def test_the_change_is_tested_on_a_copy(tmp_path: Path) -> None:
    (tmp_path / "mod.py").write_text("X = 1\n")
    changed = {tmp_path / "mod.py": "X = 2\r\n", Path("new/b.py"): "Y = '\U0001f600'\n"}
    code = "import mod; print(mod.X, open('new/b.py', encoding='utf-8').read().isascii(), open('mod.py', 'rb').read())"
    run = await run_tests(script(code), tmp_path, changed, 30)
    assert run.passed
    assert run.summary == "2 False b'X = 2\\r\\n'"
    assert (tmp_path / "mod.py").read_text() == "X = 1\n"
    assert not (tmp_path / "new").exists()


async def test_what_git_ignores_and_what_leads_out_is_not_copied(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "ignored").mkdir(parents=True)
    (root / "ignored" / "x").write_text("")
    (root / ".gitignore").write_text("ignored/\n")
    (root / "kept.txt").write_text("")
    (tmp_path / "secret").write_text("")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    for prepare in (lambda: None, lambda: subprocess.run(["git", "init", "-q"], cwd=root, check=True)):
        prepare()
        run = await run_tests(script("import os; print(sorted(os.listdir('.')))"), root, {}, 30)
        assert run.summary == "['.gitignore', 'kept.txt']"


async def test_failure_and_trouble_are_results(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    failed = await run_tests(script("print('1 failed, 2 passed'); raise SystemExit(1)"), tmp_path, {}, 30)
    assert (failed.passed, failed.summary) == (False, "1 failed, 2 passed (exit code 1)")
    missing = await run_tests(["no-such-program"], tmp_path, {}, 30)
    assert not missing.passed
    assert "no-such-program" in missing.summary
    outside = await run_tests(script("0"), tmp_path, {Path("../x.py"): ""}, 30)
    assert "not in the workspace" in outside.summary
    assert not (tmp_path.parent / "x.py").exists()
    assert not (await run_tests([], tmp_path, {}, 30)).passed


async def test_no_secret_reaches_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GITHUB_TOKEN", "MY_SECRET_THING", "DB_PASSWORD", "LC_SECRET", "SOMETHING_ELSE"):
        monkeypatch.setenv(name, "hidden-value")
    run = await run_tests(
        script("import os; print('hidden-value' in str(os.environ), 'PATH' in os.environ)"), tmp_path, {}, 30
    )
    assert run.summary == "False True"


async def test_long_output_is_capped_and_does_not_block(tmp_path: Path) -> None:
    run = await run_tests(script("print('x' * 5_000_000); print('\\x1b[32mdone\\x1b[0m')"), tmp_path, {}, 30)
    assert run.summary == "done"


# A child that ignores polite signals and holds the output open, as test runners with workers do.
LINGER = """
import os, subprocess, sys, time
deaf = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)'
child = subprocess.Popen([sys.executable, '-c', deaf])
open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}')
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def _numbers(file: Path) -> list[int]:
    return [int(word) for word in file.read_text().split()] if file.exists() else []


async def pids_in(file: Path) -> list[int]:
    for _ in range(200):
        if len(pids := _numbers(file)) == 2:
            return pids
        await asyncio.sleep(0.02)
    raise AssertionError("the tests did not start")


async def all_gone(pids: list[int]) -> bool:
    for _ in range(100):
        if not any(alive(pid) for pid in pids):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.skipif(os.name != "posix", reason="process groups are posix")
async def test_a_timeout_ends_every_process(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    started = time.perf_counter()
    run = await run_tests([*script(LINGER), str(tmp_path / "pids")], tmp_path / "root", {}, 1)
    assert not run.passed
    assert "within 1 s" in run.summary
    assert time.perf_counter() - started < 10
    assert await all_gone(await pids_in(tmp_path / "pids"))


@pytest.mark.skipif(os.name != "posix", reason="process groups are posix")
async def test_cancelling_ends_every_process(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    task = asyncio.create_task(run_tests([*script(LINGER), str(tmp_path / "pids")], tmp_path / "root", {}, 60))
    pids = await pids_in(tmp_path / "pids")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await all_gone(pids)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [(True, True, False), (True, False, True), (False, False, False), (False, True, False)],
)
def test_only_tests_that_passed_before_can_fail(before: bool, after: bool, refused: bool) -> None:
    first = proposal.SuiteRun(("pytest",), before, "", 1.0)
    reason = judge_tests(first, proposal.SuiteRun(("pytest",), after, "2 failed", 1.0))
    assert (reason is not None) is refused
    if reason:
        assert reason.code == "tests-failed"
        assert "2 failed" in reason.message


async def inside(command: list[str], root: Path, timeout_s: float = 60) -> proposal.SuiteRun:
    from codefactory.pipelines.sandbox import survey

    if not any(f.name == "bubblewrap" and f.sandbox for f in await survey()):
        pytest.skip("bubblewrap does not work here")
    run = await run_tests(command, root, {Path("mod.py"): "X = 2\n"}, timeout_s, sandbox="auto")
    assert run.sandbox == "bubblewrap"
    return run


async def test_in_the_sandbox_the_copy_is_tested(tmp_path: Path) -> None:
    (tmp_path / "mod.py").write_text("X = 1\n")
    code = "import mod, sys; open('made', 'w').close(); print(mod.X, sys.prefix)"
    run = await inside(script(code), tmp_path)
    assert (run.passed, run.summary) == (True, f"2 {sys.prefix}")
    assert [p.name for p in tmp_path.iterdir()] == ["mod.py"]  # noqa: ASYNC240 a test's folder


async def test_in_the_sandbox_there_is_pytest_and_loopback_but_no_network_and_no_home(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        """
import os, socket
from pathlib import Path

import pytest


def test_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_network():
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), 2)


def test_home():
    home = Path.home()
    (home / "own").write_text("x")
    assert not [p for p in (".ssh", ".netrc", ".gitconfig", ".config", ".bashrc") if (home / p).exists()]
    (home / "own").chmod(0o600)
"""
    )
    run = await inside([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"], tmp_path)
    assert run.passed, run.summary
    assert run.summary.startswith("3 passed")
    assert not (Path.home() / "own").exists()


async def test_in_the_sandbox_trouble_is_a_result(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    failed = await inside(script("print('1 failed'); raise SystemExit(1)"), tmp_path)
    assert (failed.passed, failed.summary) == (False, "1 failed (exit code 1)")
    assert "no such program" in (await inside(["no-such-program"], tmp_path)).summary
    assert "within 1 s" in (await inside(script("import time; time.sleep(60)"), tmp_path, 1)).summary
    assert (await inside(script("print('x' * 5_000_000); print('done')"), tmp_path)).summary == "done"
    outside = tmp_path.parent / "written"
    await inside(script(f"open({str(outside)!r}, 'w')"), tmp_path)
    assert not outside.exists()


def test_what_the_user_may_turn_off_the_workspace_may_not() -> None:
    layer = Layer("pyproject.toml", {"tests": {"sandbox": "none"}}, restricted=True)
    settings, problems = resolve([layer])
    assert settings.tests.sandbox == "auto"
    assert "`tests.sandbox` is ignored until you trust this file" in problems[0].message
