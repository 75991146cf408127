from __future__ import annotations

import pytest

from codefactory.analyzers import Analysis, Confidence, Finding, Severity, Snapshot, Span
from codefactory.pipelines.gate import Candidate, judge

JS = """\
function run(cmd) {
  try {
    eval(cmd);
  } catch (e) {
    report(e);
  }
  return 1;
}

function other() {
  return 2;
}
"""
GO = 'package a\n\nfunc run(c string) error {\n\treturn exec.Command("sh", "-c", c).Run()\n}\n'
JAVA = "class A {\n  int run(String c) {\n    return Runtime.getRuntime().exec(c).waitFor();\n  }\n}\n"


def check(language: str, before: str, after: str, line: int) -> set[str]:
    target = Finding("t", "X1", "m", Span.at(line, 0, line, 1), Severity.HIGH, Confidence.HIGH, fingerprint="t")
    old, new = (Snapshot("file:///p/a", text, language) for text in (before, after))
    return {r.code for r in judge(Candidate(old, new, Analysis((target,)), Analysis(), written_by_model=True)).reasons}


@pytest.mark.parametrize(
    ("language", "before", "after", "line"),
    [
        ("javascript", JS, JS.replace("eval(cmd)", "JSON.parse(cmd)"), 2),
        ("javascript", JS, JS.replace("    eval(cmd);", "    const value = parse(cmd);\n    use(value);"), 2),
        ("go", GO, GO.replace('exec.Command("sh", "-c", c)', "exec.Command(c)"), 3),
        ("java", JAVA, JAVA.replace("Runtime.getRuntime().exec(c)", "new ProcessBuilder(c).start()"), 2),
    ],
)
def test_honest(language: str, before: str, after: str, line: int) -> None:
    assert check(language, before, after, line) == set()


@pytest.mark.parametrize(
    ("reason", "language", "before", "after", "line"),
    [
        ("deleted", "javascript", JS, JS.replace("    eval(cmd);\n", ""), 2),
        ("deleted", "javascript", JS, JS.replace("eval(cmd)", "console.log(cmd)"), 2),
        ("deleted", "javascript", JS, JS[JS.index("function other") :], 2),
        ("silenced", "javascript", JS, JS.replace("    report(e);\n", ""), 2),
        ("silenced", "javascript", JS, JS.replace("    eval(cmd)", "    // eval(cmd)\n    JSON.parse(cmd)"), 2),
        ("silenced", "javascript", JS, JS.replace("eval(cmd);", "eval(cmd); // eslint-disable-line no-eval"), 2),
        ("silenced", "javascript", JS, "/* eslint-disable */\n" + JS, 2),
        ("silenced", "javascript", JS, JS.replace("eval(cmd)", "if (false) parse(cmd)"), 2),
        ("silenced", "javascript", JS, JS.replace("  try", "  return 1;\n  try"), 2),
        ("silenced", "javascript", JS, "function run(cmd) {\n}\n" + JS[JS.index("\nfunction other") :], 2),
        ("silenced", "go", GO, GO.replace("Run()", "Run() //nolint:gosec"), 3),
        ("silenced", "go", GO, GO.replace("Run()", "Run() // #nosec G204"), 3),
        ("silenced", "java", JAVA, JAVA.replace("  int", '  @SuppressWarnings("all")\n  int'), 2),
        ("not-checked", "plaintext", "a\nb\n", "a\nc\n", 1),
    ],
)
def test_dishonest(reason: str, language: str, before: str, after: str, line: int) -> None:
    assert reason in check(language, before, after, line)
