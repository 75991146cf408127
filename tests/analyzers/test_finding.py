from __future__ import annotations

from codefactory.analyzers import Snapshot, bandit
from codefactory.analyzers.finding import Analysis, analysis_from_json, analysis_to_json

SOURCE = "import yaml\n\n\ndef f(x):\n    a = yaml.load(x)\n    b = yaml.load(x)\n    return yaml.load(x)\n"


def fingerprints(source: str) -> list[str]:
    analysis = bandit.analyze(Snapshot("file:///project/a.py", source, "python"))
    return [f.fingerprint for f in analysis.findings]


def test_a_fingerprint_survives_line_shifts_and_indentation() -> None:
    shifted = SOURCE.replace("import yaml\n", "import yaml\n# one\n# two\n").replace("    ", "\t")
    assert fingerprints(shifted) == fingerprints(SOURCE)


def test_a_fingerprint_changes_with_its_line_only() -> None:
    changed = fingerprints(SOURCE.replace("a = yaml", "aa = yaml"))
    assert changed[0] != fingerprints(SOURCE)[0]
    assert changed[1:] == fingerprints(SOURCE)[1:]


def test_equal_lines_have_different_fingerprints() -> None:
    twice = "import yaml\nyaml.load(x)\nyaml.load(x)\n"
    assert len(set(fingerprints(twice))) == 2


def test_an_analysis_survives_json() -> None:
    analysis = bandit.analyze(Snapshot("file:///project/a.py", SOURCE, "python"))
    assert analysis_from_json(analysis_to_json(analysis)) == analysis
    assert analysis_from_json(analysis_to_json(Analysis())) == Analysis()
