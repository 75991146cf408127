"""The configurations in editors/, in the real editors. `make test-editors` installs those."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SOURCE = "import yaml\n\nDATA = yaml.load(open('x'), Loader=yaml.Loader)\n"


def run(project: Path, configuration: str, *command: str) -> None:
    (project / "ruff.toml").write_text('lint.select = ["E", "F", "S"]\n')
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    file = project / "app.py"
    file.write_text(SOURCE)
    environment = os.environ | {
        "CONFIGURATION": str(ROOT / "editors" / configuration),
        "PYTHON": sys.executable,
        "FILE": str(file),
        "HOME": str(project / "home"),
        "XDG_CONFIG_HOME": str(project / "home"),
    }
    (project / "home" / ".emacs.d").mkdir(parents=True)
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "yaml.SafeLoader" in file.read_text(), done.stdout + done.stderr


def test_neovim(tmp_path: Path) -> None:
    nvim = os.environ.get("NVIM") or shutil.which("nvim")
    if nvim is None:
        pytest.skip("Neovim is not installed: `make test-editors` installs it")
    said = subprocess.run([nvim, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(int(n) for n in said.split()[1].lstrip("v").split("-")[0].split(".")) < (0, 11):
        pytest.skip(f"Neovim 0.11 is needed, this is {said.splitlines()[0]}")
    run(tmp_path, "neovim.lua", nvim, "--headless", "--clean", "-c", f"luafile {HERE / 'session.lua'}", "-c", "cquit")


def test_emacs(tmp_path: Path) -> None:
    emacs = shutil.which("emacs")
    if emacs is None:
        pytest.skip("Emacs is not installed: `make test-editors` installs it")
    if subprocess.run([emacs, "--batch", "-f", "package-initialize", "-l", "eglot"], check=False).returncode:
        pytest.skip("this Emacs has no eglot: `make test-editors` installs it")
    run(tmp_path, "emacs.el", emacs, "--batch", "-l", str(HERE / "session.el"))
