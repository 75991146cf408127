"""Every pipeline in examples/pipelines runs as its header says, and says something that is true."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from command_line import codefactory

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "examples" / "pipelines"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))

EXPECTED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "changelog": lambda o: "### Breaking changes\n\n- `load()` raises" in o["changelog"] and "linters" not in str(o),
    "config-migration": lambda o: o["settings"].endswith("[database.pool]\nmin = 1\nmax = 10\n"),
    "converge": lambda o: o["text"] == "HELLO 5 ROUNDS!",
    "csv-report": lambda o: "| south | 3 | 1188.0 |\n| west | 2 | 1047.0 |" in o["report"],
    "dead-links": lambda o: o["pages"] >= 3 and o["dead"] == [],
    "duplicates": lambda o: o["files"] > 20,
    "findings-report": lambda o: o["files"] == 11 and "## B324 (high, 3)" in o["report"] and o["not_checked"] == [],
    "greeting": lambda o: o["text"] == "HELLO WORLD!",
    "inventory": lambda o: {"kind": "py", "files": 11, "lines": 412, "definitions": 60} in o["kinds"],
    "licence-audit": lambda o: o["checked"] == 11 == len(o["missing"]),
    "log-summary": lambda o: o["levels"][0] == "INFO: 4" and o["errors"][0] == "2 × db: connection lost",
    "release-notes": lambda o: o["state"] == "draft" and "### New" in o["notes"],
    "response-times": lambda o: o["paths"][1] == {"path": "/invoices", "count": 3, "median_ms": 12, "slowest_ms": 31},
    "triage": lambda o: o["verdict"] == "stop: app.py: S105",
}
WAITING = {"release"}


def outputs(example: str, cwd: Path, *arguments: str) -> dict[str, Any]:
    done = codefactory("run", "--trust", "--no-store", "-q", FOLDER / f"{example}.yaml", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples(path: Path, tmp_path: Path) -> None:
    if path.stem in WAITING:
        done = codefactory("run", "--trust", "--no-store", "--no-wait", "-q", path, cwd=tmp_path)
        assert done.returncode == 4
        return
    found = outputs(path.stem, tmp_path)
    assert EXPECTED[path.stem](found), found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_headers_name_the_inputs(path: Path) -> None:
    """Each begins with a comment that says what it does; the inputs in its command lines exist."""
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    inputs = yaml.safe_load(text).get("inputs", {})
    header = text[: text.index("version: 1")]
    assert all(name in inputs for name in re.findall(r"-i (\w+)=", header))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    shutil.copytree(FOLDER, folder / "examples" / "pipelines")
    return folder


def in_workspace(example: str, workspace: Path, *arguments: str) -> dict[str, Any]:
    return outputs(example, workspace, "--workspace", str(workspace), *arguments)


def test_a_report_is_written_where_asked(workspace: Path) -> None:
    found = in_workspace("csv-report", workspace, "-i", "report=out/report.md")
    assert (workspace / "out/report.md").read_text() == found["report"]
    in_workspace("config-migration", workspace, "-i", "new=service.toml")
    assert (workspace / "service.toml").read_text().startswith('hosts = [\n    "ledger.example.com"')


def test_duplicates_and_dead_links_are_found(workspace: Path) -> None:
    (workspace / "docs/sub").mkdir(parents=True)
    (workspace / "docs/a.md").write_text("[b](sub/b.md) [gone](gone.md) [web](https://example.com/x.md)")
    (workspace / "docs/sub/b.md").write_text("[a](../a.md#top) [none](none/x.md)")
    (workspace / "docs/copy.md").write_text((workspace / "docs/a.md").read_text())
    dead = in_workspace("dead-links", workspace)["dead"]
    assert {d["page"]: d["dead"] for d in dead} == {
        "docs/a.md": ["gone.md"],
        "docs/copy.md": ["gone.md"],
        "docs/sub/b.md": ["none/x.md"],
    }
    found = in_workspace("duplicates", workspace, "-i", "folder=docs")
    assert found["duplicates"] == [["docs/a.md", "docs/copy.md"]]


def test_without_trust_nothing_is_read(tmp_path: Path) -> None:
    done = codefactory("run", "--no-store", FOLDER / "inventory.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert b"--allow-read" in done.stderr
