"""The interpreters: which there is, and how it is started."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from codefactory.pipelines.sandbox import toolchain
from codefactory.pipelines.sandbox.sandbox import DEFAULT_PATH

Language = Literal["python", "javascript"]

_OTHER_PLACES = "/opt/homebrew/bin:/run/current-system/sw/bin"


class LanguageError(Exception):
    """There is no interpreter. The message says what to install."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    arguments: tuple[str, ...]
    needs: tuple[Path, ...]
    """Folders that must be readable."""


def interpreter_for(language: Language, program: str | None, memory_bytes: int) -> Interpreter:
    """`program`: an absolute path or a name, in place of the one that is found. Raises LanguageError."""
    path = _named(program) if program else toolchain.interpreter() if language == "python" else _node()
    if language == "python":
        arguments = (str(path), "-I", "-X", "utf8", "-c", _harness("harness.py"))
    else:
        heap = max(16, int(memory_bytes * 0.75 / 2**20))
        arguments = (str(path), f"--max-old-space-size={heap}", "-e", _harness("harness.js"))
    return Interpreter(arguments, toolchain.needed(path))


@cache
def _harness(name: str) -> str:
    return files("codefactory.pipelines.code").joinpath(name).read_text("utf-8")


def _named(program: str) -> Path:
    found = shutil.which(program)
    if found is None:
        raise LanguageError(f"the interpreter `{program}` cannot be found")
    return Path(found).absolute()


def _node() -> Path:
    found = shutil.which("node") or shutil.which("node", path=f"{DEFAULT_PATH}:{_OTHER_PLACES}")
    if found is None:
        raise LanguageError("JavaScript needs Node, and there is no `node` in PATH: install it from nodejs.org")
    return Path(found).absolute()
