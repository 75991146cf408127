"""ruff on a text that may not be saved: one short-lived process, the text on its standard input.

A process costs about 5 ms, 2 if it was on standby, which buys the project's own configuration, all rules, and each fix
with its safety (ruff's own language server does not say whether a fix is safe).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cancellation import Cancellation
from .finding import (
    SYNTAX_CODES,
    Analysis,
    Confidence,
    Finding,
    Fix,
    Problem,
    Safety,
    Severity,
    Tag,
    fingerprinted,
)
from .standby import Launch, run
from .text import Position, Span, TextEdit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .document import Snapshot
    from .standby import Standby

NAME = "ruff"
LANGUAGES = frozenset({"python"})

_MISSING = (
    "ruff was not found, so no file was linted. Install it where Code Factory runs (`pip install ruff`) "
    "or set `codefactory.ruff.path`."
)


@dataclass(frozen=True, slots=True)
class RuffOptions:
    """How ruff is run. Rules come from the project's own ruff configuration."""

    path: str | None = None
    """The executable; None looks beside this Python, then on PATH."""
    arguments: tuple[str, ...] = ()
    """More arguments for `ruff check`, e.g. ("--select", "ALL")."""
    timeout_s: float = 20.0


def analyze(
    snapshot: Snapshot,
    options: RuffOptions = RuffOptions(),
    cancellation: Cancellation | None = None,
    standby: Standby | None = None,
) -> Analysis:
    """Lint one text. Blocks until ruff has answered; raises CancelledError only."""
    executable = find_executable(options.path)
    if executable is None:
        return Analysis(problems=(Problem(NAME, "missing", _MISSING),))
    command = [
        executable, "check", "--output-format", "json", "--no-cache", "--exit-zero", "--quiet", "--force-exclude",
        *options.arguments, "--stdin-filename", snapshot.name, "-",
    ]  # fmt: skip
    try:
        answer = run(
            _launch(command, snapshot),
            snapshot.utf8,
            options.timeout_s,
            cancellation or Cancellation(),
            standby,
            _is_whole,
        )
    except subprocess.TimeoutExpired:
        message = f"ruff gave no answer on {snapshot.name} within {options.timeout_s:g} s; it was stopped."
        return Analysis(problems=(Problem(NAME, "timeout", message),))
    except OSError as error:
        return Analysis(problems=(Problem(NAME, "missing", f"ruff could not be started ({executable}): {error}"),))
    if answer.code != 0:
        kind = "configuration" if answer.code == 2 else "crash"
        message = f"ruff ended with code {answer.code}: {_first_lines(answer.err) or 'no message'}"
        return Analysis(problems=(Problem(NAME, kind, message),))
    try:
        mark = int(snapshot.text.startswith("\ufeff"))
        findings = [_finding(item, mark) for item in json.loads(answer.out)]
    except (ValueError, KeyError, TypeError) as error:
        return Analysis(problems=(Problem(NAME, "crash", f"ruff's answer could not be read: {error!r}"),))
    return Analysis(fingerprinted(findings, snapshot.lines), analyzers=(version(executable),))


def analyze_saved(
    snapshots: Sequence[Snapshot], root: Path, options: RuffOptions, cancellation: Cancellation | None = None
) -> tuple[Analysis, ...] | None:
    """Lint many files of one project in one process, which takes hardly longer than one file.

    ruff reads the files itself: they must be saved, in UTF-8, and the caller has to see to it that they still are what
    the snapshots say. One analysis per snapshot, in order; None when ruff did not do it, so that `analyze` can say of
    each file why. Raises CancelledError only.
    """
    executable = find_executable(options.path)
    if executable is None:
        return None
    names = [snapshot.name for snapshot in snapshots]
    command = [
        executable, "check", "--output-format", "json", "--no-cache", "--exit-zero", "--quiet", "--force-exclude",
        *options.arguments, "--", *names,
    ]  # fmt: skip
    found: dict[str, list[Finding]] = {os.path.normcase(name): [] for name in names}
    marks = {os.path.normcase(s.name): int(s.text.startswith("\ufeff")) for s in snapshots}
    try:
        launch = Launch(tuple(command), str(root))
        answer = run(launch, b"", options.timeout_s, cancellation or Cancellation())
        if answer.code != 0:
            return None
        for item in json.loads(answer.out):
            name = os.path.normcase(item["filename"])
            found[name].append(_finding(item, marks[name]))
    except (subprocess.TimeoutExpired, OSError, ValueError, KeyError):
        return None
    ran = (version(executable),)
    return tuple(
        Analysis(fingerprinted(found[os.path.normcase(name)], snapshot.lines), analyzers=ran)
        for name, snapshot in zip(names, snapshots, strict=True)
    )


@lru_cache(maxsize=8)
def find_executable(configured: str | None = None) -> str | None:
    """The ruff to run: the configured one, else the one installed beside this Python, else the one on PATH."""
    if configured:
        return shutil.which(configured)
    try:
        from ruff.__main__ import find_ruff_bin

        return find_ruff_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("ruff")


@lru_cache(maxsize=8)
def version(executable: str) -> str:
    """As "ruff 0.14.2"; "ruff" if it does not say."""
    try:
        done = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return NAME
    return done.stdout.strip() or NAME


def _launch(command: list[str], snapshot: Snapshot) -> Launch:
    folder = _folder(snapshot)
    # Its thread pool costs a third of its time, and one text needs none.
    return Launch(tuple(command), folder, (("RAYON_NUM_THREADS", "1"),), _configurations(folder or os.getcwd()))  # noqa: PTH109


@lru_cache(maxsize=64)
def _configurations(folder: str) -> tuple[str, ...]:
    """Where ruff looks for a configuration, from a file's folder up, and then among the user's own."""
    own = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA") or Path("~/.config").expanduser()
    folders = (Path(folder), *Path(folder).parents, Path(own) / "ruff")
    return tuple(str(f / name) for f in folders for name in (".ruff.toml", "ruff.toml", "pyproject.toml"))


def _is_whole(out: bytes) -> bool:
    """ruff indents its JSON, so that only the end of the outermost list stands at the beginning of a line."""
    return out.rstrip()[-2:] in (b"\n]", b"[]")


def _folder(snapshot: Snapshot) -> str | None:
    """Where ruff looks for the project's configuration."""
    if snapshot.path is None:
        return None
    folder = Path(snapshot.path).parent
    return str(folder) if folder.is_dir() else None


def _first_lines(data: bytes, count: int = 3) -> str:
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    return " ".join(lines[:count])


def _finding(item: dict[str, Any], mark: int) -> Finding:
    code: str = item["code"] or "invalid-syntax"
    return Finding(
        tool=NAME,
        code=code,
        message=item["message"],
        span=_span(item, mark),
        severity=severity(code),
        confidence=Confidence.HIGH,
        url=item.get("url"),
        tags=_tags(code),
        fix=_fix(item.get("fix"), mark),
    )


def _span(item: dict[str, Any], mark: int) -> Span:
    """ruff counts rows and columns (code points) from 1, and does not count a byte order mark (`mark`: 1 or 0)."""
    start, end = (
        Position(at["row"] - 1, at["column"] - 1 + (mark if at["row"] == 1 else 0))
        for at in (item["location"], item["end_location"])
    )
    return Span(start, end)


def _fix(item: dict[str, Any] | None, mark: int) -> Fix | None:
    if not item or item["applicability"] not in ("safe", "unsafe"):
        return None
    edits = tuple(TextEdit(_span(e, mark), e["content"]) for e in item["edits"])
    safety = Safety.SAFE if item["applicability"] == "safe" else Safety.REVIEW
    return Fix(item["message"] or "Apply ruff's fix", edits, safety, NAME)


_HIGH = ("F821", "F822", "F823", "PLE")
_SECURITY_HIGH = frozenset({"S202", "S324", "S501", "S502", "S503", "S504", "S505", "S602", "S605", "S609"})
_SECURITY_LOW = frozenset({"S101", "S105", "S106", "S107", "S110", "S112", "S311", "S404", "S603", "S606", "S607"})


def severity(code: str) -> Severity:
    """ruff gives none that can be ordered, so: what will fail at run time is HIGH, security rules follow bandit's own
    severities, likely bugs (F, B, PL) are MEDIUM or LOW, style is INFO."""
    if code in SYNTAX_CODES or code.startswith(("E9", *_HIGH)):
        return Severity.HIGH
    if code[0] == "S" and code[1:].isdigit():
        if code in _SECURITY_HIGH:
            return Severity.HIGH
        return Severity.LOW if code in _SECURITY_LOW or code.startswith("S4") else Severity.MEDIUM
    if code.startswith(("F6", "F7", "F811", "B0", "ASYNC", "PLW")):
        return Severity.MEDIUM
    if code.startswith(("F", "B", "PL", "BLE", "E7", "TRY", "RUF", "PERF", "SIM")):
        return Severity.LOW
    return Severity.INFO


def _tags(code: str) -> tuple[Tag, ...]:
    if code in ("F401", "F811", "F841", "ERA001"):
        return ("unnecessary",)
    return ("deprecated",) if code == "UP035" else ()
