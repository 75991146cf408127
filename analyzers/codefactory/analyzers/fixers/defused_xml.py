"""B313–B319 and B405–B409: the standard library's XML parsers → defusedxml, which refuses entity bombs.

The findings at an import and at its uses are about the same thing, so each of them has the same fix: all uses of the
import that defusedxml can take over, and the import. What it does not have (Element, tostring of minidom's …) builds
XML and stays with the standard library; then the old import stays too, and its finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst
from libcst.helpers import get_full_name_for_node

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .flow import assignment
from .nodes import string_value
from .tree import Decline
from .undecidable import UNUSED, without_unused_import

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding
    from codefactory.analyzers.text import TextEdit

    from .scoped_tree import Binding
    from .source import Source

NAME = "defusedxml"
_NOTE = "defusedxml raises an exception for entity declarations and external references instead of resolving them."
_DEPENDENCY = "defusedxml"
_ETREE = frozenset({"ParseError", "XML", "XMLParse", "XMLParser", "fromstring", "iterparse", "parse", "tostring"})
_NO_PARSERS = frozenset({"ParseError", "tostring"})
_DOM = frozenset({"parse", "parseString"})
_MODULES = {
    "xml.etree.ElementTree": ("defusedxml.ElementTree", _ETREE),
    # Gone since Python 3.9, where defusedxml's own cElementTree cannot be imported either.
    "xml.etree.cElementTree": ("defusedxml.ElementTree", _ETREE),
    "xml.dom.minidom": ("defusedxml.minidom", _DOM),
    "xml.dom.pulldom": ("defusedxml.pulldom", _DOM),
    "xml.dom.expatbuilder": ("defusedxml.expatbuilder", _DOM),
    "xml.sax": ("defusedxml.sax", frozenset({"parse", "parseString", "make_parser"})),
    "xml.sax.expatreader": ("defusedxml.expatreader", frozenset({"create_parser"})),
}
"""Module → its defused one (0.7), and the names that has."""


@dataclass(frozen=True, slots=True)
class _Use:
    node: cst.Name | cst.Attribute
    """The whole dotted name, as `ET.parse`."""
    name: str
    """What of the module is used; "" where the module itself is handed on."""

    def is_in(self, names: frozenset[str]) -> bool:
        return self.name in names


def _fix(source: Source, finding: Finding) -> list[Fix]:
    if _is_import(finding) and (unused := without_unused_import(source, finding)):
        return [Fix("Remove the unused import", unused, Safety.SAFE, UNUSED)]
    binding, module = _binding(source, finding)
    if binding.local in source.rebound:
        raise Decline(f"`{binding.local}` is also the name of something else")
    target, names = _MODULES[module]
    if binding.qualified in _MODULES:
        edits, stays = _module_edits(source, binding, target, names)
    elif binding.qualified.rpartition(".")[0] == module:
        edits, stays = _name_edits(source, binding, target, names)
    else:
        edits, stays = _dotted_edits(source, binding, module, target, names)
    if stays and _is_import(finding):
        raise Decline("the import is needed for what defusedxml does not have")
    if not edits:
        raise Decline("nothing of it is used that parses XML")
    notes = (_NOTE, *_sax_notes(source, module))
    edits = tuple(dict.fromkeys(edits))
    return [Fix(f"Parse with {target}", edits, Safety.REVIEW, NAME, notes, (_DEPENDENCY,))]


def _is_import(finding: Finding) -> bool:
    return finding.code[1:3] == "40"


def _binding(source: Source, finding: Finding) -> tuple[Binding, str]:
    """The import the finding is about, or is made through, and the module."""
    if _is_import(finding):
        for bindings in source.bindings.values():
            for binding in bindings:
                span = source.span(binding.node)
                if not span.start.line <= finding.span.start.line <= span.end.line:
                    continue
                imported = _imported(binding)
                module = imported if imported in _MODULES else imported.rpartition(".")[0]
                if module in _MODULES:
                    return binding, module
        raise Decline("the import was not found, or is made by a function")
    call = source.find(finding, cst.Call, lambda c: _module(source.qualified_name(c.func)) is not None)
    name = source.qualified_name(call.func) or ""
    root: cst.BaseExpression = call.func
    while isinstance(root, cst.Attribute):
        root = root.value
    found = source.bindings.get(root.value, []) if isinstance(root, cst.Name) else []
    fitting = [b for b in found if name.startswith(_imported(b)) or len(found) == 1]
    if not fitting:
        raise Decline("the module is not imported in this file")
    return fitting[0], _module(name) or ""


def _imported(binding: Binding) -> str:
    """`import a.b` → "a.b", though it binds `a`."""
    name = get_full_name_for_node(binding.alias.name) or ""
    return name if isinstance(binding.node, cst.Import) else binding.qualified


def _module(name: str | None) -> str | None:
    module = (name or "").rpartition(".")[0]
    return module if module in _MODULES else None


def _module_edits(
    source: Source, binding: Binding, target: str, names: frozenset[str]
) -> tuple[tuple[TextEdit, ...], bool]:
    """`import xml.dom.minidom as m`, `from xml.dom import minidom`: uses are `m.…`."""
    uses = [_use(source, name) for name in source.uses(binding.local)]
    if all(use.is_in(names) for use in uses) and uses and not _is_in_a_string(source, binding.local):
        package, _, last = target.rpartition(".")
        written = f" as {binding.local}" if binding.alias.asname or binding.local != last else ""
        is_from = isinstance(binding.node, cst.ImportFrom)
        if not isinstance(binding.node.names, cst.ImportStar) and len(binding.node.names) > 1:
            kept = [alias for alias in binding.node.names if alias is not binding.alias]
        else:
            kept = []
        line = f"from {package} import {last}{written}" if is_from else f"import {target}{written}"
        module = package if is_from else target
        encoded = [e for use in uses for e in _arguments(source, use, target)]
        return (*source.exchange_import(binding, line, module, is_from=is_from, kept=kept), *encoded), False
    return _moved_uses(source, uses, target, names), True


def _name_edits(
    source: Source, binding: Binding, target: str, names: frozenset[str]
) -> tuple[tuple[TextEdit, ...], bool]:
    """`from xml.dom.minidom import parse as p`: all its names that there are."""
    if isinstance(binding.node.names, cst.ImportStar):
        return (), True
    aliases = {alias: get_full_name_for_node(alias.name) or "" for alias in binding.node.names}
    moved = [alias for alias, name in aliases.items() if name in names]
    kept = [alias for alias in aliases if alias not in moved]
    if not moved:
        return (), True
    encoded: list[TextEdit] = []
    for alias in moved:
        for name in source.uses(alias.evaluated_alias or aliases[alias]):
            encoded += _arguments(source, _Use(name, aliases[alias]), target)
    line = f"from {target} import {', '.join(source.code(alias).rstrip(' ,') for alias in moved)}"
    return (*source.exchange_import(binding, line, target, is_from=True, kept=kept), *encoded), bool(kept)


def _dotted_edits(
    source: Source, binding: Binding, module: str, target: str, names: frozenset[str]
) -> tuple[tuple[TextEdit, ...], bool]:
    """`import xml.dom.minidom`: uses are `xml.dom.minidom.…`, and others of `xml.` may share the name `xml`."""
    chains = [_chain(source, name) for name in source.uses(binding.local)]
    uses = [
        _Use(chain, rest)
        for chain in chains
        for rest in [(get_full_name_for_node(chain) or "").removeprefix(module).lstrip(".")]
        if f"{get_full_name_for_node(chain)}.".startswith(f"{module}.")
        and not any(f"{module}.{rest}".startswith(m) and len(m) > len(module) for m in _MODULES)
    ]
    uses = [_Use(_prefix(use.node, f"{module}.{use.name.split('.')[0]}"), use.name.split(".")[0]) for use in uses]
    stays = not all(use.is_in(names) for use in uses) or _imported(binding) != module or not uses
    if stays:
        return _moved_uses(source, uses, target, names), True
    exchanged = source.exchange_import(binding, f"import {target}", target, is_from=False)
    return (*exchanged, *_renamed(source, uses, target, target)), False


def _moved_uses(source: Source, uses: list[_Use], target: str, names: frozenset[str]) -> tuple[TextEdit, ...]:
    moved = [use for use in uses if use.is_in(names - _NO_PARSERS)]
    if not moved:
        return ()
    name, imports = source.importing(target)
    return (*imports, *_renamed(source, moved, name, target))


def _renamed(source: Source, uses: list[_Use], name: str, target: str) -> list[TextEdit]:
    renamed = [source.replace(use.node, f"{name}.{use.name}") for use in uses]
    return renamed + [e for use in uses for e in _arguments(source, use, target)]


def _arguments(source: Source, use: _Use, target: str) -> list[TextEdit]:
    """What has to change in a call's arguments. Raises Decline where defusedxml takes others."""
    call = source.parent(use.node)
    if not isinstance(call, cst.Call) or call.func is not use.node or not call.args:
        return []
    if use.name in ("fromstring", "XML") and len(call.args) > 1:
        raise Decline(f"defusedxml's `{use.name}` takes no parser")
    text = call.args[0].value
    if target == "defusedxml.sax" and use.name == "parseString" and _is_text(source, text):
        return [source.insert(source.span(call.args[0]).end, ".encode()")]  # it takes bytes only
    return []


def _is_text(source: Source, node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Name) and (found := assignment(source, node)):
        node = found.value
    return isinstance(node, cst.FormattedString) or string_value(node) is not None


def _use(source: Source, name: cst.Name) -> _Use:
    parent = source.parent(name)
    if isinstance(parent, cst.Attribute) and parent.value is name:
        return _Use(parent, parent.attr.value)
    return _Use(name, "")


def _chain(source: Source, name: cst.Name) -> cst.Name | cst.Attribute:
    node: cst.Name | cst.Attribute = name
    while isinstance(parent := source.parent(node), cst.Attribute) and parent.value is node:
        node = parent
    return node


def _prefix(node: cst.Name | cst.Attribute, dotted: str) -> cst.Name | cst.Attribute:
    while get_full_name_for_node(node) != dotted and isinstance(node, cst.Attribute):
        inner = node.value
        if not isinstance(inner, (cst.Name, cst.Attribute)):
            break
        node = inner
    return node


def _is_in_a_string(source: Source, local: str) -> bool:
    """Quoted annotations name it too."""
    return any(f"{local}." in s.value for s in source.all(cst.SimpleString))


def _sax_notes(source: Source, module: str) -> tuple[str, ...]:
    return ("defusedxml.sax.parseString takes bytes, not str.",) if module == "xml.sax" else ()


FIXERS = (
    Fixer(
        NAME,
        frozenset({*(f"B{n}" for n in range(313, 320)), *(f"B{n}" for n in range(405, 410))}),
        _fix,
        not_applied="What is used builds XML rather than parses it (Element, Document, …), or the module is handed on "
        "as a whole, or is imported by a function.",
    ),
)
