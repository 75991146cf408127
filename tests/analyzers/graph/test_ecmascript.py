"""JavaScript and TypeScript imports: what is written, and which file it means."""

from __future__ import annotations

import json

import pytest
from graph_tables import edges_of, graph_of

from codefactory.analyzers.graph.symbols import outline

TREE = {
    "src/a.ts": "", "src/b.tsx": "", "src/c.js": "", "src/d.d.ts": "", "src/e/index.ts": "", "src/f.mts": "",
    "src/g.cjs": "", "src/h/package.json": '{"main": "lib/main.js"}', "src/h/lib/main.js": "", "src/e.js": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('import "./a"', ["import ./a -> src/a.ts"]),
        ('import d, {x as y, type T} from "./a.js"', [
            "import ./a.js:default -> src/a.ts", "import ./a.js:x -> src/a.ts", "type-only ./a.js:T -> src/a.ts",
        ]),
        ('import * as ns from "./b"', ["import ./b:* -> src/b.tsx"]),
        ("import type {T} from './d'", ["type-only ./d:T -> src/d.d.ts"]),
        ("import type from './a'", ["import ./a:default -> src/a.ts"]),
        ("import {type} from './a'", ["import ./a:type -> src/a.ts"]),
        ("import {/* a, */ b, // c\n d} from './a'", ["import ./a:b -> src/a.ts", "import ./a:d -> src/a.ts"]),
        ('import c = require("./c")', ["import ./c -> src/c.js"]),
        ('export * from "./e"', ["re-export ./e:* -> src/e/index.ts"]),
        ('export * as e from "./e/"', ["re-export ./e/:* -> src/e/index.ts"]),
        ('export {x, y as z} from "."', ["re-export .:x -> src/index.ts", "re-export .:y -> src/index.ts"]),
        ('export type {T} from "./a"', ["type-only ./a:T -> src/a.ts"]),
        ('import "./f.mjs"; import "./g.cjs"', ["import ./f.mjs -> src/f.mts", "import ./g.cjs -> src/g.cjs"]),
        ('import "./h"', ["import ./h -> src/h/lib/main.js"]),
        ("const x = await import('./a')", ["dynamic ./a -> src/a.ts"]),
        ("import(`./a`); import(`./${a}`); import(x)", ["dynamic ./a -> src/a.ts"]),
        ("require('./c'); function f() { return require('./c') }", [
            "import ./c -> src/c.js", "lazy ./c -> src/c.js",
        ]),
        ('let t: import("./a").T', ["type-only ./a -> src/a.ts"]),
        ("/// <reference path='d.d.ts' />", ["type-only ./d.d.ts -> src/d.d.ts"]),
        ("import './style.css?inline'; import './nope'", [
            "import ./style.css?inline -> (not source code)", "import ./nope -> (no such file)",
        ]),
        ("import fs from 'node:fs'; import 'path'; import 'react'", [
            "import node:fs:default -> (standard library)", "import path -> (standard library)",
            "import react -> (external)",
        ]),
        ('// import "./a"\nconst s = \'import "./a"\'; const r = /require("x")/; obj.require("./a")', []),
        ('import "../../../x"', ["import ../../../x -> (outside the workspace)"]),
    ],
)  # fmt: skip
def test_imports(source: str, expected: list[str]) -> None:
    graph = graph_of(TREE | {"src/index.ts": "", "src/user.ts": source})
    assert edges_of(graph, "src/user.ts") == expected


def test_a_script_keeps_its_neighbour_and_a_typed_file_gets_the_types() -> None:
    files = {"a.js": "", "a.d.ts": "", "s.js": "import './a.js'", "t.ts": "import './a.js'"}
    graph = graph_of(files)
    assert graph.dependencies("s.js") == ("a.js",)
    assert graph.dependencies("t.ts") == ("a.d.ts",)


def targets(files: dict[str, object], user: str, specifier: str) -> str:
    texts = {p: t if isinstance(t, str) else json.dumps(t) for p, t in files.items()}
    graph = graph_of(texts | {user: f'import "{specifier}"'})
    (edge,) = edges_of(graph, user)
    return edge.partition(" -> ")[2]


@pytest.mark.parametrize(
    ("config", "specifier", "expected"),
    [
        ('{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}', "@/core/x", "src/core/x.ts"),
        ('{"compilerOptions": {"baseUrl": "src", "paths": {"~/*": ["nope/*", "core/*"]}}}', "~/x", "src/core/x.ts"),
        ('{"compilerOptions": {"baseUrl": "./src"}}', "core/x", "src/core/x.ts"),
        ('{/* c */ "compilerOptions": {"paths": {"a*": ["./src/core/x"], "ab": ["./src/core/y"],},}, // d\n}', "ab",
         "src/core/y.ts"),
        ('{"extends": "./config/tsconfig.base"}', "#base/x", "src/core/x.ts"),
        ('{"extends": ["./nope.json", "./config/tsconfig.base.json"]}', "#base/x", "src/core/x.ts"),
        ('{"files": [], "references": [{"path": "./tsconfig.app.json"}]}', "app/x", "src/core/x.ts"),
        ('{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}', "@/nope", "(external)"),
        ("{broken", "@/core/x", "(external)"),
        ("[" * 100_000, "@/core/x", "(external)"),
        ('{"extends": "./tsconfig.json"}', "x", "(external)"),
    ],
)  # fmt: skip
def test_tsconfig(config: str, specifier: str, expected: str) -> None:
    files: dict[str, object] = {
        "tsconfig.json": config,
        "tsconfig.app.json": {"compilerOptions": {"paths": {"app/*": ["./src/core/*"]}}},
        "config/tsconfig.base.json": {"compilerOptions": {"paths": {"#base/*": ["../src/core/*"]}}},
        "src/core/x.ts": "",
        "src/core/y.ts": "",
    }
    assert targets(files, "app/deep/user.ts", specifier) == expected


@pytest.mark.parametrize(
    ("package", "specifier", "expected"),
    [
        ({"exports": "./main.js"}, "@s/lib", "libs/one/main.d.ts"),
        ({"exports": {".": {"types": "./main.d.ts", "default": "./main.js"}}}, "@s/lib", "libs/one/main.d.ts"),
        ({"exports": {"./x": {"import": {"default": "./deep/x.js"}}}}, "@s/lib/x", "libs/one/deep/x.ts"),
        ({"exports": {"./*": "./deep/*.js", "./x": None}}, "@s/lib/y", "libs/one/deep/y.ts"),
        ({"exports": {"./f/*": ["./none/*.js", "./deep/*.ts"]}}, "@s/lib/f/x", "libs/one/deep/x.ts"),
        ({"exports": {"./*": "./deep/*.js", "./x": None}}, "@s/lib/x", "(external)"),
        ({"exports": {".": "./main.js"}}, "@s/lib/deep/x", "(external)"),
        ({"main": "main"}, "@s/lib", "libs/one/main.d.ts"),
        ({"main": "dist/index.js"}, "@s/lib", "libs/one/src/index.ts"),
        ({"exports": {".": "./dist/esm/index.mjs"}}, "@s/lib", "libs/one/src/index.ts"),
        ({}, "@s/lib/deep/x.js", "libs/one/deep/x.ts"),
        ({}, "@s/other", "(external)"),
    ],
)
def test_workspace_packages(package: dict[str, object], specifier: str, expected: str) -> None:
    files: dict[str, object] = {
        "libs/one/package.json": {"name": "@s/lib"} | package,
        "libs/one/main.js": "", "libs/one/main.d.ts": "", "libs/one/src/index.ts": "",
        "libs/one/deep/x.ts": "", "libs/one/deep/y.ts": "",
    }  # fmt: skip
    assert targets(files, "apps/web/user.ts", specifier) == expected


def test_imports_of_a_package_for_itself() -> None:
    files: dict[str, object] = {
        "package.json": {"name": "me", "imports": {"#in/*": "./src/*.js", "#dep": "react"}},
        "src/x.ts": "",
    }
    assert targets(files, "test/user.ts", "#in/x") == "src/x.ts"
    assert targets(files, "test/user.ts", "#nope") == "(no such file)"


def test_a_new_file_behind_an_alias_is_found() -> None:
    graph = graph_of(
        {"tsconfig.json": '{"compilerOptions": {"paths": {"app": ["./src/entry"]}}}', "u.ts": "import 'app'"}
    )
    assert graph.dependencies("u.ts") == ()
    graph.update("src/entry.ts", "")
    assert graph.dependencies("u.ts") == ("src/entry.ts",)


def test_outline() -> None:
    source = (
        "import x from 'y';\n/** Doc. */\nexport class Box<T> extends Base {\n  size: number = 0;\n"
        "  get(key: string): T {\n    return 1;\n  }\n}\nexport interface Shape { a: string;\n  area(): number }\n"
        "export const f = (a: number) => {\n  return a;\n};\nfunction g() { function h() {} }\ntype A = string;\n"
    )
    assert outline("a.ts", source) == (
        "export class Box<T> extends Base\n  size: number = 0\n  get(key: string): T …\n"
        "export interface Shape\na: string\n  area(): number\n"
        "export const f = (a: number) => { …\nfunction g() …\ntype A = string;\n"
    )
