"""How lately git saw each file change."""

from __future__ import annotations

import subprocess

COMMITS = 200
TIMEOUT_S = 10


def git_recency(root: str) -> dict[str, float]:
    """Path below `root` → 1 for the newest commit down to 0 for the 200th from the top. Empty where there is no git."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", root, "log", f"-{COMMITS}", "--name-only", "--relative", "-z"]
    command += ["--format=%x01", "--no-renames", "--no-show-signature", "--no-ext-diff"]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, float] = {}
    commits = done.stdout.decode("utf-8", "surrogateescape").split("\x01")[1:]
    for age, commit in enumerate(commits):
        for path in commit.replace("\n", "\0").split("\0"):
            if path:
                found.setdefault(path, 1 - age / COMMITS)
    return found
