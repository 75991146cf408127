"""B202: `extractall` writes wherever an archive says, also outside of the folder. → `filter="data"` (PEP 706)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .names import words
from .nodes import argument, has_star_arguments, string_value
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "tar-data-filter"
_OPENS = ("tarfile.open", "tarfile.TarFile", "tarfile.TarFile.open")
_OTHER_ARCHIVES = ("libarchive", "patoolib", "py7zr", "rarfile", "shutil", "zipfile")
_NOTES = (
    "Members outside of the folder, absolute links and devices raise tarfile.FilterError.",
    "Owners are not restored, and modes only in part.",
    "Needs Python 3.12, or 3.8.17, 3.9.17, 3.10.12, 3.11.4 and later of their series.",
)


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, _is_extractall)
    if not isinstance(call.func, cst.Attribute) or not _is_tar(source, call.func.value):
        raise Decline("it cannot be seen that this is an archive of tarfile: others take no filter")
    given = argument(call, "filter")
    if given is None and has_star_arguments(call):
        raise Decline("the filter may be hidden in * or ** arguments")
    if given is not None and string_value(given.value) is None:
        raise Decline("the filter is computed: whether it is safe cannot be seen")
    edit = source.set_argument(call, "filter", '"data"')
    return [Fix('Use filter="data"', (edit,), Safety.REVIEW, NAME, _NOTES)]


def _is_extractall(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == "extractall"


def _is_tar(source: Source, archive: cst.BaseExpression) -> bool:
    """It was opened by tarfile in this file; or its name has "tar" in it and no other archive module is imported."""
    if isinstance(archive, cst.Call):
        return source.qualified_name(archive.func) in _OPENS
    if not isinstance(archive, (cst.Name, cst.Attribute)):
        return False
    name = source.code(archive)
    values = source.once(_archives).get(name, [])
    if values:
        return all(isinstance(v, cst.Call) and source.qualified_name(v.func) in _OPENS for v in values)
    roots = {binding.qualified.split(".")[0] for bindings in source.bindings.values() for binding in bindings}
    named = any(word.startswith("tar") for word in words(name.rpartition(".")[2]))
    return named and not roots.intersection(_OTHER_ARCHIVES)


def _archives(source: Source) -> dict[str, list[cst.BaseExpression]]:
    """Name → all that is assigned to it, or entered as it in a `with` statement."""
    found: dict[str, list[cst.BaseExpression]] = {}
    for assign in source.all(cst.Assign):
        for target in assign.targets:
            found.setdefault(source.code(target.target), []).append(assign.value)
    for item in source.all(cst.WithItem):
        if item.asname is not None:
            found.setdefault(source.code(item.asname.name), []).append(item.item)
    return found


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B202"}),
        _fix,
        not_applied="The archive may be of another module, or the call has a filter of its own.",
    ),
)
