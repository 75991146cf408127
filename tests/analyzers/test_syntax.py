from __future__ import annotations

import pytest

from codefactory.analyzers import Snapshot, Span, syntax

BROKEN = {
    "python": "def f(:\n    pass\n",
    "javascript": "const = 1;\n",
    "javascriptreact": "const a = <div>;\n",
    "typescript": "let x: = 1;\n",
    "typescriptreact": "let a = <div>;\n",
    "java": "class A { int = ; }\n",
    "go": "package a\nfunc {\n",
    "rust": "fn f( {\n",
    "c": "int f( {\n",
    "cpp": "class { int = ; ;\n",
    "ruby": "def f(\n",
    "shellscript": "if then\n",
    "css": "a { b: ; ; c }}\n",
    "html": "<a <b>\n",
    "json": '{"a": }\n',
    "toml": "a = = 1\n",
    "yaml": "a: [1\nb: }\n",
}
SOUND = {
    "python": "def f():\n    pass\n",
    "javascript": "const a = 1;\n",
    "javascriptreact": "const a = <div></div>;\n",
    "typescript": "let x: number = 1;\n",
    "typescriptreact": "let a = <div></div>;\n",
    "java": "class A { int a; }\n",
    "go": "package a\nfunc f() {}\n",
    "rust": "fn f() {}\n",
    "c": "int f(void) { return 1; }\n",
    "cpp": "class A { int a; };\n",
    "ruby": "def f\nend\n",
    "shellscript": "if true; then echo; fi\n",
    "css": "a { color: red; }\n",
    "html": "<a></a>\n",
    "json": '{"a": 1}\n',
    "toml": "a = 1\n",
    "yaml": "a: [1]\n",
}


@pytest.mark.parametrize("language", sorted(syntax.GRAMMARS))
def test_every_language_tells_sound_from_broken(language: str) -> None:
    assert not syntax.analyze(Snapshot("untitled:a", BROKEN[language], language)).parses
    sound = syntax.analyze(Snapshot("untitled:a", SOUND[language], language))
    assert sound.findings == ()
    assert sound.problems == ()


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("y = '😀漢' $ 2\n", Span.at(0, 4, 0, 10)),
        ("x = 1\r\ny = )\r\n", Span.at(1, 0, 1, 5)),
        ("x = 1\ry = )\r", Span.at(1, 0, 1, 5)),
    ],
)
def test_spans_are_in_code_points(text: str, span: Span) -> None:
    assert [f.span for f in syntax.analyze(Snapshot("untitled:a", text, "python")).findings] == [span]


def test_a_language_without_grammar_is_said() -> None:
    analysis = syntax.analyze(Snapshot("untitled:a", "x", "cobol"))
    assert [p.kind for p in analysis.problems] == ["unsupported"]


def test_a_file_of_another_language_gives_a_bounded_number_of_findings() -> None:
    analysis = syntax.analyze(Snapshot("untitled:a", "}{ )( :\n" * 5000, "python"))
    assert 0 < len(analysis.findings) <= syntax.MAX_FINDINGS
