from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from codefactory.pipelines.sandbox import Limits, Sandbox, SandboxUnavailableError, choice, chosen, survey, toolchain
from codefactory.pipelines.sandbox.bare import Bare
from codefactory.pipelines.sandbox.choice import Found
from codefactory.pipelines.sandbox.macos import profile


def test_the_profile_for_macos() -> None:
    text = profile([Path("/usr"), Path('/a "b"\\c')], [Path("/w")])
    assert text.splitlines()[:3] == ["(version 1)", "(deny default)", "(deny network*)"]
    assert '(allow file-read* (subpath "/usr"))' in text
    assert '(allow file-read* (subpath "/a \\"b\\"\\\\c"))' in text
    assert [line for line in text.splitlines() if "file-write*" in line] == ['(allow file-write* (subpath "/w"))']
    assert "network" not in text.replace("(deny network*)", "")
    assert text.count("(") == text.count(")")
    with pytest.raises(ValueError, match="control character"):
        profile([Path("/a\n(allow default)")], [])


async def test_without_walls_there_are_limits(tmp_path: Path) -> None:
    sandbox = Sandbox(Bare())
    done = await sandbox.run([sys.executable, "-c", "while True: pass"], limits=Limits(cpu_s=1))
    assert (done.limit, done.sandbox) == ("cpu", "none")
    done = await sandbox.run(["/bin/sh", "-c", "echo $HOME; echo err >&2; exit 3"], write=[tmp_path])
    assert (done.returncode, done.stderr, done.limit) == (3, b"err\n", None)
    assert not Path(done.stdout.decode().strip()).exists()  # noqa: ASYNC240 a test
    code = "import os; os.write(int(os.environ['CODEFACTORY_RESULT']), input().encode())"
    done = await sandbox.run([sys.executable, "-c", code], stdin=b"in\n", channel=True)
    assert done.result == b"in"


async def test_output_can_be_dropped_instead() -> None:
    pieces: list[bytes] = []
    done = await Sandbox(Bare()).run(
        [sys.executable, "-c", "print('x' * 300_000)"],
        limits=Limits(output_bytes=10),
        on_output=lambda _stream, data: pieces.append(data),
        excess="drop",
    )
    assert (done.stdout, done.truncated, done.limit, done.returncode) == (b"x" * 10, True, None, 0)
    assert len(b"".join(pieces)) == 300_001


async def test_what_the_listener_raises_ends_the_program() -> None:
    def listener(_stream: str, _data: bytes) -> None:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        await Sandbox(Bare()).run(["/bin/sh", "-c", "echo x; sleep 60"], on_output=listener)


@pytest.mark.parametrize("path", [Path("relative"), Path("/no/such/folder")])
async def test_folders_are_absolute_and_there(path: Path) -> None:
    with pytest.raises(ValueError, match=str(path)):
        await Sandbox(Bare()).run(["/bin/true"], read=[path])


async def test_the_reasons_are_told_when_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_survey", (Found("bubblewrap", None, "not installed"), Found("landlock", None, "old")))
    with pytest.raises(SandboxUnavailableError, match=r"bubblewrap: not installed; landlock: old"):
        await chosen()
    assert (await chosen("none")).name == "none"


async def test_a_mechanism_that_does_not_work_is_told_apart(tmp_path: Path) -> None:
    from codefactory.pipelines.sandbox.bubblewrap import Bubblewrap

    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    tried = await choice._tried("bubblewrap", Bubblewrap(str(broken)))
    assert (tried.sandbox, tried.reason) == (None, "No permissions to create a new namespace")


async def test_a_survey_is_remembered() -> None:
    assert await survey() is await survey()


def test_what_an_interpreter_needs(tmp_path: Path) -> None:
    base, venv = tmp_path / "python3.12", tmp_path / "venv"
    for folder in (base, venv):
        (folder / "bin").mkdir(parents=True)
    (base / "bin" / "python3").write_text("")
    (venv / "bin" / "python").symlink_to(base / "bin" / "python3")
    (venv / "pyvenv.cfg").write_text(f"home = {base}/bin\n")
    assert set(toolchain.needed(venv / "bin" / "python")) == {venv, base}
    assert toolchain.needed(Path("/usr/bin/env")) == ()


def test_a_home_is_never_given_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("bin", ".local/bin", ".cargo/bin", ".pyenv/shims"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "tool").write_text("")
    needed = {name: toolchain.needed(tmp_path / name / "tool") for name in ("bin", ".local/bin", ".cargo/bin")}
    assert needed == {name: (tmp_path / name,) for name in needed}
    assert toolchain.needed(tmp_path / ".pyenv/shims/tool") == (tmp_path / ".pyenv",)
    (tmp_path / ".ssh").mkdir()
    assert tmp_path / ".ssh" not in toolchain.in_home(tmp_path)
    assert os.environ["HOME"] == str(tmp_path)
