"""The real `codefactory` program, as a subprocess with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "codefactory"


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CODEFACTORY", "GIT_", "FORCE_COLOR"))}
    home = home / "home"
    config = home / "config" / "codefactory" / "config.toml"
    if not config.exists():  # a model server that runs on the developer's machine is no part of a test
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("[local]\ndiscover = false\n", "utf-8")
    folders = {f"XDG_{name.upper()}_HOME": str(home / name) for name in ("config", "data", "cache")}
    return kept | folders | {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"} | more


def codefactory(
    *arguments: str | Path, cwd: Path, stdin: bytes = b"", timeout_s: float = 120, **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=environment(cwd.parent, **more),
        timeout=timeout_s,
        check=False,
    )


def git(*arguments: str, cwd: Path) -> bytes:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *arguments], cwd=cwd, capture_output=True, check=True)
    return done.stdout
