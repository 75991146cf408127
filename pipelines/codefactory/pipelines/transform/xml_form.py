"""XML ⇄ data: attributes as `@name`, text beside elements as `#text`, elements that occur several times as lists."""

from __future__ import annotations

import re
from typing import Any, cast

from codefactory.pipelines.engine.values import is_list, is_mapping

from .limits import MAX_DEPTH, TransformError

ATTRIBUTE, TEXT = "@", "#text"


def read(text: str) -> Any:
    """`{root: …}`: attributes as `@name`, text as `#text`, elements that occur several times as lists."""
    from xml.etree.ElementTree import ParseError

    import defusedxml
    import defusedxml.ElementTree as Xml

    try:
        element = Xml.fromstring(text, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise TransformError(f"the XML has a document type or entities, which are refused: {error}") from error
    except (ParseError, ValueError) as error:
        raise TransformError(f"not valid XML: {error}") from error
    return {element.tag: _of_element(element, 0)}


def _of_element(element: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise TransformError(f"the XML is nested more than {MAX_DEPTH} deep")
    found: dict[str, Any] = {f"{ATTRIBUTE}{name}": value for name, value in element.attrib.items()}
    text = (element.text or "").strip()
    for child in element:
        value = _of_element(child, depth + 1)
        before = found.get(child.tag)
        if before is None:
            found[child.tag] = value
        elif isinstance(before, _Several):
            before.append(value)
        else:
            found[child.tag] = _Several([before, value])
        if child.tail and child.tail.strip():
            text = f"{text} {child.tail.strip()}".strip()
    if not found:
        return text
    if text:
        found[TEXT] = text
    return {key: list(value) if isinstance(value, _Several) else value for key, value in found.items()}


class _Several(list[Any]):
    """Elements of one name."""


def write(data: Any, root: str, indent: int | None) -> str:
    import xml.etree.ElementTree as ET

    if is_mapping(data) and len(data) == 1 and not is_list(next(iter(data.values()))):
        ((root, data),) = data.items()
    element = ET.Element(_tag(root))
    _fill(element, data)
    if indent is not None:
        ET.indent(element, " " * indent)
    text: str = ET.tostring(element, "unicode")
    return f"{text}\n"


def _fill(element: Any, data: Any) -> None:
    import xml.etree.ElementTree as ET

    if is_mapping(data):
        for key, value in data.items():
            if key == TEXT:
                element.text = _xml_text(value)
            elif key.startswith(ATTRIBUTE):
                element.set(_tag(key[1:]), _xml_text(value))
            else:
                for item in value if is_list(value) else [value]:
                    _fill(ET.SubElement(element, _tag(key)), item)
    elif is_list(data):
        for item in data:
            _fill(ET.SubElement(element, "item"), item)
    elif data is not None:
        element.text = _xml_text(data)


def _tag(name: str) -> str:
    if re.fullmatch(r"(\{[^{}\s]*\})?[^\W\d][\w.-]*", name) is None:
        raise TransformError(f"`{name}` is no name of an XML element or attribute")
    return name


def _xml_text(value: Any) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(cast("object", value))
    if bad := next((c for c in text if ord(c) < 32 and c not in "\t\n\r"), None):
        raise TransformError(f"XML cannot hold the character {bad!r}")
    return text
