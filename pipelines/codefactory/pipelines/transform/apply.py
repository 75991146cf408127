"""`apply()`: data and one operation → data. It blocks; large data takes long."""

from __future__ import annotations

import json
import re
from functools import cache
from string import Template as StringTemplate
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.values import is_list, is_mapping

from . import formats, query, regexes, validate
from . import operations as ops
from .limits import MAX_TEXT, TooMuchError, TransformError, check_text, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable


class _FieldTemplate(StringTemplate):
    braceidpattern = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"


def apply(data: Any, operation: ops.Operation) -> Any:
    """Raises TransformError."""
    work: Callable[[Any, Any], Any] = _WORK[type(operation)]
    return work(data, operation)


def is_kept(item: Any, condition: str) -> bool:
    """Whether a JMESPath condition holds: its result is neither null, false nor empty."""
    found = query.search(condition, item)
    return found == 0 or bool(found) if not isinstance(found, bool) else found


def _parse(data: Any, op: ops.Parse) -> Any:
    return _texts(data, op.field, lambda text: formats.parse(text, op.format, op.table(op.format)), "parse")


def _serialise(data: Any, op: ops.Serialise) -> str:
    return formats.serialise(data, op.format, op.table(op.format), indent=op.indent, root=op.root)


def _validate(data: Any, op: ops.Validate) -> Any:
    validate.check(data, op.schema_)
    return data


def _filter(data: Any, op: ops.Filter) -> Any:
    if op.field is not None:
        data = _get(data, op.field)
    return [item for item in _list(data, "filter") if is_kept(item, op.condition)]


def _pick(data: Any, op: ops.Pick) -> Any:
    return _objects(data, lambda o: {name: o[name] for name in op.fields if name in o}, "pick")


def _omit(data: Any, op: ops.Omit) -> Any:
    return _objects(data, lambda o: {k: v for k, v in o.items() if k not in op.fields}, "omit")


def _rename(data: Any, op: ops.Rename) -> Any:
    def renamed(o: dict[str, Any]) -> dict[str, Any]:
        result = {op.fields.get(k, k): v for k, v in o.items()}
        if len(result) < len(o):
            raise TransformError("renaming gives two fields the same name")
        return result

    return _objects(data, renamed, "rename")


def _sort(data: Any, op: ops.Sort) -> list[Any]:
    by = [op.by] if isinstance(op.by, str) else op.by

    def key(item: Any) -> tuple[Any, ...]:
        return tuple(_rank(_get(item, name)) for name in by) if by else (_rank(item),)

    return sorted(_list(data, "sort"), key=key, reverse=op.descending)


def _rank(value: Any) -> tuple[int, Any]:
    match value:
        case bool():
            return 1, value
        case int() | float():
            return 0, value
        case str():
            return 2, value
        case None:
            return 4, 0
        case _:
            return 3, json.dumps(value, sort_keys=True, default=str)


def _group(data: Any, op: ops.Group) -> list[dict[str, Any]]:
    groups: dict[tuple[int, Any], dict[str, Any]] = {}
    for item in _list(data, "group"):
        key = _get(item, op.by)
        group = groups.setdefault(_rank(key), {"key": key, "items": [], "count": 0})
        group["items"].append(item)
        group["count"] += 1
    return list(groups.values())


def _unique(data: Any, op: ops.Unique) -> list[Any]:
    seen: dict[tuple[int, Any], Any] = {}
    for item in _list(data, "unique"):
        seen.setdefault(_rank(item if op.by is None else _get(item, op.by)), item)
    return list(seen.values())


def _limit(data: Any, op: ops.Limit) -> list[Any]:
    return _list(data, "limit")[op.start : op.start + op.count]


def _flatten(data: Any, op: ops.Flatten) -> Any:
    if is_mapping(data):
        return dict(_dotted(data, op.separator, op.depth))
    items = _list(data, "flatten")
    for _ in range(op.depth):
        if not any(is_list(item) for item in items):
            break
        items = [inner for item in items for inner in (item if is_list(item) else [item])]
    return items


def _dotted(data: dict[str, Any], separator: str, depth: int, prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in data.items():
        if is_mapping(value) and value and depth:
            found += _dotted(value, separator, depth - 1, f"{prefix}{key}{separator}")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def _merge(data: Any, op: ops.Merge) -> Any:
    over = op.with_
    if over is not None:
        return _objects(data, lambda o: _merged(o, over, deep=op.deep), "merge")
    result: dict[str, Any] = {}
    for item in _list(data, "merge without `with`"):
        if not is_mapping(item):
            raise TransformError(f"`merge` takes objects, this is {kind_of(item)}")
        result = _merged(result, item, deep=op.deep)
    return result


def _merged(under: dict[str, Any], over: dict[str, Any], *, deep: bool) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        before = result.get(key)
        result[key] = _merged(before, value, deep=True) if deep and is_mapping(before) and is_mapping(value) else value
    return result


def _template(data: Any, op: ops.Template) -> Any:
    made, wanted = _prepared(op.text)

    def text(item: Any) -> str:
        names = {name: _shown(_get(item, name, op.text)) for name in wanted}
        return check_text(made.substitute(names), "the text made")

    return [text(item) for item in data] if is_list(data) else text(data)


@cache
def _prepared(text: str) -> tuple[Any, tuple[str, ...]]:
    """The template and the fields in it."""
    made = _FieldTemplate(text)
    if not made.is_valid():
        raise TransformError(f"`{text[:80]}` is no template: write `$name`, `${{name.inner}}`, and `$$` for a dollar")
    return made, tuple(made.get_identifiers())


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _split(data: Any, op: ops.Split) -> Any:
    return _texts(data, op.field, lambda text: text.split(op.by), "split")


def _join(data: Any, op: ops.Join) -> Any:
    def joined(items: Any) -> str:
        if any(isinstance(item, (dict, list)) for item in _list(items, "join")):
            raise TransformError("`join` takes texts and numbers; use `template` for objects")
        return check_text(op.by.join(map(_shown, items)), "the text made")

    if op.field is None:
        return joined(data)
    field = op.field
    return _objects(data, lambda o: {**o, field: joined(_get(o, field))}, "join")


def _replace(data: Any, op: ops.Replace) -> Any:
    def replaced(text: str) -> str:
        if len(text) + text.count(op.old) * (len(op.new) - len(op.old)) > MAX_TEXT:
            raise TooMuchError(f"the text would have more than {MAX_TEXT:,} characters")
        return text.replace(op.old, op.new)

    return _texts(data, op.field, replaced, "replace")


def _regex(data: Any, op: ops.Regex) -> Any:
    if op.mode in ("keep", "drop"):
        wanted = op.mode == "keep"

        def kept(item: Any) -> bool:
            text = item if op.field is None else _get(item, op.field)
            return regexes.matches(_text(text, "regex"), op.pattern, op.flags) is wanted

        return [item for item in _list(data, "regex") if kept(item)]

    def changed(text: str) -> Any:
        match op.mode:
            case "replace":
                return regexes.replace(text, op.pattern, op.replacement, op.flags)
            case "split":
                return regexes.split(text, op.pattern, op.flags)
            case _:
                return regexes.findall(text, op.pattern, op.flags)

    return _texts(data, op.field, changed, "regex")


def _texts(data: Any, field: str | None, change: Callable[[str], Any], name: str) -> Any:
    """A text changed; each of a list; or a field of an object, or of each in a list."""
    if is_list(data):
        return [_texts(item, field, change, name) for item in data]
    if field is None:
        return change(check_text(_text(data, name), f"what `{name}` is given"))
    if not is_mapping(data):
        raise TransformError(f"`{name}` with a `field` takes objects, this is {kind_of(data)}")
    return {**data, field: change(check_text(_text(_get(data, field), name), f"what `{name}` is given"))}


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise TransformError(f"`{name}` takes a text, this is {kind_of(value)}")


def _objects(data: Any, change: Callable[[dict[str, Any]], Any], name: str) -> Any:
    if is_list(data):
        return [_objects(item, change, name) for item in data]
    if is_mapping(data):
        return change(data)
    raise TransformError(f"`{name}` takes objects, this is {kind_of(data)}")


def _list(data: Any, name: str) -> list[Any]:
    if is_list(data):
        return data
    raise TransformError(f"`{name}` takes a list, this is {kind_of(data)}")


def _get(item: Any, path: str, where: str = "") -> Any:
    """A field, or one of a field; null where there is none, but for a template."""
    if is_mapping(item) and path in item:
        return item[path]
    for name in path.split("."):
        if is_mapping(item) and name in item:
            item = item[name]
        elif is_list(item) and re.fullmatch(r"\d{1,9}", name) and int(name) < len(item):
            item = item[int(name)]
        elif where:
            raise TransformError(f"there is no `{path}` for `{where[:80]}`")
        else:
            return None
    return item


_WORK: dict[type, Callable[[Any, Any], Any]] = {
    ops.Parse: _parse,
    ops.Serialise: _serialise,
    ops.Query: lambda data, op: query.search(op.expression, data),
    ops.Validate: _validate,
    ops.Filter: _filter,
    ops.Pick: _pick,
    ops.Omit: _omit,
    ops.Rename: _rename,
    ops.Sort: _sort,
    ops.Group: _group,
    ops.Unique: _unique,
    ops.Limit: _limit,
    ops.Flatten: _flatten,
    ops.Merge: _merge,
    ops.Template: _template,
    ops.Split: _split,
    ops.Join: _join,
    ops.Replace: _replace,
    ops.Regex: _regex,
}
