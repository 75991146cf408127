"""Exit codes, the same for all commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.analyzers import Problem

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_NOT_CHECKED = 3
EXIT_INTERRUPTED = 130

HELP = """\b
Exit codes:
  0    nothing found
  1    findings
  2    the command line or a configuration is wrong
  3    something could not be checked (a tool is missing, took too long, or a file is no text);
       what was found all the same is printed
  130  interrupted"""


def exit_code(problems: Iterable[Problem], *, findings: bool) -> int:
    """What cannot be relied on comes before what was found."""
    kinds = {problem.kind for problem in problems} - {"untrusted"}
    if "configuration" in kinds:
        return EXIT_USAGE
    if kinds:
        return EXIT_NOT_CHECKED
    return EXIT_FINDINGS if findings else EXIT_CLEAN
