"""Hostile paths and files against every operation of the `file` step."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from step_runs import error_of, policy, run_step

from codefactory.pipelines.files.errors import AccessError
from codefactory.pipelines.files.guard import protected
from codefactory.pipelines.files.spelling import normalised

OPERATIONS: dict[str, dict[str, Any]] = {
    "read": {},
    "write": {"content": "evil"},
    "append": {"content": "evil"},
    "delete": {"recursive": True},
    "list": {},
    "glob": {"pattern": "*"},
    "copy": {"to": "stolen", "recursive": True},
    "move": {"to": "stolen"},
}
SECRET = "the secret"
ROOT = Path("/")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder that steps may use, with something beside it that they may not."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / "sub").mkdir()
    return folder


def untouched(workspace: Path) -> bool:
    outside = workspace.parent / "outside"
    return (
        [p.name for p in outside.iterdir()] == ["secret.txt"]
        and (outside / "secret.txt").read_text() == SECRET
        and not (workspace / "stolen").exists()
        and sorted(p.name for p in workspace.parent.iterdir()) == ["outside", "workspace"]
    )


async def refused_everywhere(workspace: Path, path: str) -> list[str]:
    """Every operation on the path, and every way of writing to it, is refused with a reason."""
    said = [
        await error_of("file", policy(workspace), operation=operation, path=path, **settings)
        for operation, settings in OPERATIONS.items()
    ]
    for operation in ("copy", "move"):
        said.append(await error_of("file", policy(workspace), operation=operation, path="mine.txt", to=path))
    assert untouched(workspace)
    assert not any(SECRET in text for text in said)
    assert (workspace / "mine.txt").read_text() == "mine"
    return said


@pytest.mark.hostile("file-dotdot", "`..` in a path of every file operation")
@pytest.mark.parametrize(
    "path",
    ["../outside/secret.txt", "sub/../../outside/secret.txt", "./../outside", "sub/.././../outside/secret.txt", ".."],
)
async def test_dotdot(workspace: Path, path: str) -> None:
    for text in await refused_everywhere(workspace, path):
        assert "leads out" in text or "outside" in text


@pytest.mark.hostile("file-absolute", "an absolute path outside of the policy's folders, also one with the same prefix")
async def test_absolute(workspace: Path) -> None:
    outside = workspace.parent / "outside"
    for path in (str(outside / "secret.txt"), f"{workspace}/../outside/secret.txt", "/etc/passwd", f"{workspace}x/a"):
        for text in await refused_everywhere(workspace, path):
            assert "is outside of the folders that this run may" in text


@pytest.mark.hostile("file-symlink", "a link in the workspace that leads out: absolute, relative, to a folder, a chain")
async def test_links_out(workspace: Path) -> None:
    outside = workspace.parent / "outside"
    (workspace / "absolute").symlink_to(outside / "secret.txt")
    (workspace / "relative").symlink_to("../outside/secret.txt")
    (workspace / "folder").symlink_to(outside)
    (workspace / "second").symlink_to("relative")
    for path in ("absolute", "relative", "second"):
        for operation in ("read", "write", "append", "copy"):
            said = await error_of("file", policy(workspace), operation=operation, path=path, **OPERATIONS[operation])
            assert "out of the folders this run may" in said
    for text in await refused_everywhere(workspace, "folder/secret.txt"):
        assert "out of the folders this run may" in text
    for operation in ("list", "glob"):
        said = await error_of("file", policy(workspace), operation=operation, path="folder", pattern="*")
        assert "out of the folders this run may" in said


@pytest.mark.hostile("file-symlink-target", "a link as the target of a write, copy or move is not written through")
async def test_link_as_target(workspace: Path) -> None:
    outside = workspace.parent / "outside"
    (workspace / "link").symlink_to(outside / "new.txt")
    (workspace / "parent").symlink_to(outside)
    for settings in (
        {"operation": "write", "path": "link", "content": "evil"},
        {"operation": "write", "path": "parent/new.txt", "content": "evil"},
        {"operation": "copy", "path": "mine.txt", "to": "link", "overwrite": True},
        {"operation": "copy", "path": "sub", "to": "parent/sub", "recursive": True},
        {"operation": "move", "path": "mine.txt", "to": "parent/mine.txt"},
    ):
        assert "out of the folders this run may change" in await error_of("file", policy(workspace), **settings)
    assert untouched(workspace)


@pytest.mark.hostile("file-symlink-delete", "deleting or moving a link takes the link, not what it leads to")
async def test_link_is_deleted_not_followed(workspace: Path) -> None:
    outside = workspace.parent / "outside"
    for i, operation in enumerate(("delete", "move")):
        (workspace / "link").symlink_to(outside)
        await run_step("file", policy(workspace), operation=operation, path="link", to=f"moved{i}")
        assert not (workspace / "link").is_symlink()
    assert untouched(workspace)


@pytest.mark.hostile("file-symlink-loop", "links in a circle, and a chain without end")
async def test_link_circle(workspace: Path) -> None:
    (workspace / "a").symlink_to("b")
    (workspace / "b").symlink_to("a")
    assert "more than 40 links" in await error_of("file", policy(workspace), operation="read", path="a")
    assert "more than 40 links" in await error_of("file", policy(workspace), operation="write", path="a/x", content="")


@pytest.mark.hostile("file-symlink-glob", "glob, list and copy of a folder do not go through links in it")
async def test_walks_do_not_follow_links(workspace: Path) -> None:
    outside = workspace.parent / "outside"
    (workspace / "sub/link").symlink_to(outside)
    (workspace / "sub/file").symlink_to(outside / "secret.txt")
    assert await run_step("file", policy(workspace), operation="glob", pattern="**/*") == ["mine.txt"]
    assert "secret.txt" not in str(await run_step("file", policy(workspace), operation="list", recursive=True))
    said = await error_of("file", policy(workspace), operation="copy", path="sub", to="copied", recursive=True)
    assert "neither a file nor a folder" in said
    for pattern in ("../outside/*", "/etc/*", "sub/../../outside/*", "..\\outside\\*"):
        assert "leads out" in await error_of("file", policy(workspace), operation="glob", pattern=pattern)


def swapping(workspace: Path, done: threading.Event) -> threading.Thread:
    """Swaps a folder for a link that leads out, and back, as fast as it can."""
    good, evil, name = workspace / "good", workspace / "evil", workspace / "swap"
    good.mkdir()
    (good / "secret.txt").write_text("harmless")
    evil.symlink_to(workspace.parent / "outside")
    good.rename(name)

    def swap() -> None:
        while not done.is_set():
            name.rename(good)
            evil.rename(name)
            name.rename(evil)
            good.rename(name)

    thread = threading.Thread(target=swap)
    thread.start()
    return thread


@pytest.mark.hostile("file-symlink-race", "a folder on the way is swapped for a link while the path is walked")
async def test_folder_race(workspace: Path) -> None:
    from codefactory.pipelines.files.access import Access
    from codefactory.pipelines.files.errors import FileError

    access = Access.of(policy(workspace))
    done = threading.Event()
    thread = swapping(workspace, done)
    reads = 0
    try:
        for i in range(1000):
            try:
                with access.reading("swap/secret.txt") as place:
                    if place.found is not None:
                        with os.fdopen(place.folder.open(place.name, os.O_RDONLY)) as opened:
                            assert opened.read() == "harmless"
                            reads += 1
                with access.writing(f"swap/new{i % 10}") as place, suppress_os():
                    os.close(place.folder.open(place.name, os.O_WRONLY | os.O_CREAT))
            except FileError:
                continue
    finally:
        done.set()
        thread.join()
    assert reads
    assert [p.name for p in (workspace.parent / "outside").iterdir()] == ["secret.txt"]


def suppress_os() -> Any:
    from contextlib import suppress

    return suppress(OSError)


@pytest.mark.hostile("file-final-race", "the file itself is swapped for a link between the look at it and its opening")
async def test_file_race(workspace: Path) -> None:
    from codefactory.pipelines.files.access import Access

    with Access.of(policy(workspace)).reading("mine.txt") as place:
        (workspace / "mine.txt").unlink()
        (workspace / "mine.txt").symlink_to(workspace.parent / "outside" / "secret.txt")
        with pytest.raises(OSError, match="symbolic links"):
            place.folder.open(place.name, os.O_RDONLY)


@pytest.mark.hostile("file-encoded", "percent-encoded, overlong and look-alike spellings of `..` are plain names")
@pytest.mark.parametrize(
    "path", ["%2e%2e/outside/secret.txt", "..%2foutside", "．．/outside/secret.txt", "․․/outside", "..／outside"]
)
async def test_encoded_spellings(workspace: Path, path: str) -> None:
    said = await error_of("file", policy(workspace), operation="read", path=path)
    assert "there is no" in said
    await run_step("file", policy(workspace), operation="write", path=path, content="1")
    assert untouched(workspace)


@pytest.mark.hostile("file-nul", "NUL and other control characters, surrogates, empty and endless paths")
@pytest.mark.parametrize("path", ["mine.txt\0.png", "a\nb", "\x7f", "", "  ", "a/" * 3000])
async def test_control_characters(workspace: Path, path: str) -> None:
    for text in await refused_everywhere(workspace, path):
        assert any(reason in text for reason in ("control character", "is empty", "longer than"))


@pytest.mark.hostile(
    "file-windows", "drive letters, network paths, backslashes, `~` and addresses are refused everywhere"
)
@pytest.mark.parametrize(
    "path",
    [
        "C:\\Windows\\win.ini",
        "C:evil",
        "c:/x",
        "\\\\host\\share\\x",
        "//host/share",
        "..\\outside\\secret.txt",
        "\\\\?\\C:\\x",
        "~/.ssh/id_rsa",
        "~root/x",
        "file:///etc/passwd",
        "file:/etc/passwd",
        "http://x/y",
    ],
)
async def test_other_systems_paths(workspace: Path, path: str) -> None:
    await refused_everywhere(workspace, path)


@pytest.mark.hostile("file-windows-names", "on Windows: devices, streams, short names, names whose end is dropped")
@pytest.mark.parametrize(
    "path",
    [
        "NUL",
        "con.txt",
        "sub/aux",
        "COM1",
        "lpt9.log",
        "COM¹",
        "a.txt:hidden",
        "a.txt::$DATA",
        "a.txt.",
        "a ",
        "GIT~1",
        "C:a",
        "\\\\.\\PhysicalDrive0",
        "//?/C:/x",
        "sub\\nul .txt",
        "CONIN$",
    ],
)
def test_windows_names(path: str) -> None:
    with pytest.raises(AccessError):
        normalised(path, windows=True)


def test_windows_paths_that_are_fine() -> None:
    assert normalised("sub\\a.txt", windows=True) == "sub/a.txt"
    assert normalised("C:\\work\\a.txt", windows=True) == "C:/work/a.txt"
    assert normalised("console.txt", windows=True) == "console.txt"


@pytest.mark.hostile("file-special", "pipes, sockets, devices: not opened, so nothing waits and nothing happens")
async def test_special_files(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(workspace)
        try:
            listening.bind("socket")
        finally:
            os.chdir(before)
        for path, kind in (("pipe", "a pipe"), ("socket", "a socket")):
            for operation in ("read", "write", "append", "delete", "copy", "move"):
                said = await error_of(
                    "file", policy(workspace), operation=operation, path=path, **OPERATIONS[operation]
                )
                assert f"is {kind}, not a file" in said


@pytest.mark.hostile("file-kernel", "/proc, /sys and /dev, even where the policy allows the whole disk")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux's file systems")
async def test_kernel_files(workspace: Path) -> None:
    everything = policy(ROOT)
    (workspace / "link").symlink_to("/proc/self/environ")
    for path in ("/proc/self/environ", "/sys/kernel/version", "/dev/zero", "/dev/fd/0", f"{workspace}/link"):
        said = await error_of("file", everything, operation="read", path=path)
        assert "is the system's own and no file" in said
    for path in ("/proc/self/mem", "/dev/null"):
        said = await error_of("file", everything, operation="write", path=path, content="x")
        assert "is the system's own and no file" in said


@pytest.mark.hostile("file-hardlink", "a hard link to a file of somebody else's; writing leaves its other name alone")
async def test_hard_links(workspace: Path) -> None:
    outside = workspace.parent / "outside" / "secret.txt"
    os.link(outside, workspace / "linked")
    for operation in ("write", "append"):
        await run_step("file", policy(workspace), operation=operation, path="linked", content="evil")
        assert outside.read_text() == SECRET
        (workspace / "linked").unlink()
        os.link(outside, workspace / "linked")
    if os.geteuid() == 0:
        os.chown(outside, 12345, 12345)
        for operation in ("read", "copy"):
            said = await error_of("file", policy(workspace), operation=operation, path="linked", to="stolen")
            assert "somebody else's (a hard link)" in said


@pytest.mark.hostile("file-git", "the repository and our own records cannot be changed, however they are spelled")
@pytest.mark.parametrize(
    "path",
    [".git/hooks/pre-commit", ".GIT/config", ".git", ".g\u200cit/config", ".codefactory/runs.db", "x/.git/config"],
)
async def test_protected_folders(workspace: Path, path: str) -> None:
    (workspace / ".git").mkdir()
    (workspace / ".git/config").write_text("[core]")
    for operation in ("write", "append", "delete", "move"):
        said = await error_of("file", policy(workspace), operation=operation, path=path, **OPERATIONS[operation])
        assert "steps may not change it" in said or "there is no" in said
    assert "steps may not change it" in await error_of(
        "file", policy(workspace), operation="copy", path="mine.txt", to=path
    )
    assert (workspace / ".git/config").read_text() == "[core]"


@pytest.mark.hostile(
    "file-git-around", "a folder that holds a repository is neither deleted nor moved; nor a policy's own"
)
async def test_around_protected_folders(workspace: Path) -> None:
    (workspace / "sub/deep/.git").mkdir(parents=True)
    (workspace / "link").symlink_to("sub/deep/.git")
    for operation in ("delete", "move"):
        said = await error_of("file", policy(workspace), operation=operation, path="sub", **OPERATIONS[operation])
        assert "holds the repository itself" in said
        said = await error_of("file", policy(workspace), operation=operation, path=".", **OPERATIONS[operation])
        assert "it stays" in said
    said = await error_of("file", policy(workspace), operation="write", path="link/config", content="evil")
    assert "belongs to the repository itself" in said


def test_names_that_only_look_protected() -> None:
    assert [n for n in (".github", ".gitignore", "git", "codefactory", ".git.txt") if protected(n)] == []
    assert all(protected(n) for n in (".git", ".Git", ".git ", ".git.", ".ｇit", ".co\u200ddefactory"))


@pytest.mark.hostile("file-trash-link", "a workspace that comes with a link in the place of the trash")
async def test_trash_is_a_link(workspace: Path) -> None:
    (workspace / ".codefactory").symlink_to("../outside")
    said = await error_of("file", policy(workspace), operation="delete", path="mine.txt")
    assert "is a link, so nothing can be kept there" in said
    assert untouched(workspace)
    assert (workspace / "mine.txt").exists()


@pytest.mark.hostile(
    "file-run-store", "the run store, wherever it is, by its name, through a link, with the folder around it"
)
async def test_run_store(workspace: Path) -> None:
    from step_runs import run_steps

    from codefactory.pipelines.store import Store

    (workspace / "link").symlink_to("state/runs")
    with Store(workspace / "state/runs") as store:
        for settings in (
            {"operation": "write", "path": "state/runs/runs.db", "content": "forged"},
            {"operation": "append", "path": "link/runs.db", "content": "forged"},
            {"operation": "copy", "path": "mine.txt", "to": "state/runs/results/forged"},
            {"operation": "move", "path": "mine.txt", "to": "state/runs/forged"},
            {"operation": "delete", "path": "state/runs", "recursive": True},
            {"operation": "move", "path": "state", "to": "elsewhere"},
            {"operation": "delete", "path": "state", "recursive": True},
        ):
            step = {"type": "file", "with": settings}
            result = await run_steps(step, allowed=policy(workspace), store=store)
            assert "the run store" in str(result.error), settings
    assert (workspace / "mine.txt").exists()


@pytest.mark.hostile(
    "file-own-settings", "our own settings, trust records and audit log, though the policy allows the home"
)
async def test_own_settings(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(workspace / "config"))
    own = workspace / "config/codefactory"
    own.mkdir(parents=True)
    (own / "trust.json").write_text("{}")
    (workspace / "link").symlink_to("config/codefactory")
    for path in ("config/codefactory/trust.json", "link/trust.json", "config/codefactory"):
        for operation, settings in OPERATIONS.items():
            said = await error_of("file", policy(workspace), operation=operation, path=path, **settings)
            assert "belongs to Code Factory's settings and records" in said, (operation, path)
    for operation in ("delete", "move"):
        said = await error_of("file", policy(workspace), operation=operation, path="config", **OPERATIONS[operation])
        assert "holds Code Factory's own records" in said
    inside = policy(own / "prompts", read=(own / "prompts",))
    assert "settings and records" in await error_of("file", inside, operation="write", path="x", content="")
    assert (own / "trust.json").read_text() == "{}"


@pytest.mark.hostile("file-no-policy", "without a policy a run touches nothing; reading does not allow writing")
async def test_default_policy(workspace: Path) -> None:
    from codefactory.pipelines.policy import DENY_ALL

    for operation, settings in OPERATIONS.items():
        said = await error_of("file", DENY_ALL, operation=operation, path=str(workspace / "mine.txt"), **settings)
        assert "the policy's `read` is empty" in said or "the policy's `write` is empty" in said
    readable = policy(workspace, write=())
    for operation in ("write", "append", "delete", "copy", "move"):
        said = await error_of("file", readable, operation=operation, path="mine.txt", **OPERATIONS[operation])
        assert "the policy's `write` is empty" in said
    assert (workspace / "mine.txt").read_text() == "mine"


@pytest.mark.hostile(
    "file-too-large", "a file beyond the policy's size: written, appended, copied, growing while copied"
)
async def test_too_large(workspace: Path) -> None:
    small = policy(workspace, max_file_bytes=1000)
    (workspace / "large").write_bytes(b"x" * 2000)
    for settings in (
        {"operation": "write", "path": "new", "content": "x" * 1001},
        {"operation": "append", "path": "mine.txt", "content": "x" * 1000},
        {"operation": "copy", "path": "large", "to": "new"},
    ):
        assert "bytes" in await error_of("file", small, **settings)
    assert not (workspace / "new").exists()
    assert (workspace / "mine.txt").read_text() == "mine"


@pytest.mark.hostile("file-decompression", "a huge sparse file is not read into memory")
async def test_sparse_file(workspace: Path) -> None:
    (workspace / "sparse").touch()
    os.truncate(workspace / "sparse", 1 << 40)
    assert "more than `max_bytes`" in await error_of("file", policy(workspace), operation="read", path="sparse")
    said = await error_of("file", policy(workspace), operation="read", path="sparse", **{"as": "lines"})
    assert "longer than" in said


@pytest.mark.hostile("file-glob-bomb", "a pattern that would take for ever, or is endless")
async def test_glob_bomb(workspace: Path) -> None:
    (workspace / ("a" * 200)).touch()
    deep = workspace
    for _ in range(30):
        deep = deep / "aa"
        deep.mkdir()
    assert await run_step("file", policy(workspace), operation="glob", pattern="*a" * 60 + "b") == []
    assert await run_step("file", policy(workspace), operation="glob", pattern="**/a*/" * 8 + "**/b") == []
    assert "too long" in await error_of("file", policy(workspace), operation="glob", pattern="**/" * 20 + "b")
