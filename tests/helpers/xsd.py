"""Validates a document against an XML Schema, as far as the schemas of tests/fixtures/junit go.

It reads the schema itself and knows sequences, choices, attributes, restrictions and extensions. A schema that has more
is refused, so that nothing in it is passed over. tests/checker/reporters/test_junit.py compares it with the package
xmlschema where that is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring, parse

XS = "{http://www.w3.org/2001/XMLSchema}"
BUILTIN = {
    "xs:string": r"(?s).*",
    "xs:token": r"(?s).*",
    "xs:int": r"\s*[+-]?\d+\s*",
    "xs:decimal": r"\s*[+-]?(\d+(\.\d*)?|\.\d+)\s*",
    "xs:dateTime": r"\s*-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?\s*",
}
Found = Iterator[str]


class Schema:
    def __init__(self, file: Path) -> None:
        root = parse(file).getroot()
        self.elements = {node.get("name", ""): node for node in root.findall(f"{XS}element")}
        self.types = {node.get("name", ""): node for node in root if _kind(node) in ("simpleType", "complexType")}
        for node in root.iter():
            assert _kind(node) in KNOWN, f"{file.name} has {node.tag}, which is not supported"

    def errors(self, text: str) -> list[str]:
        """What is wrong with a document, as a list of messages."""
        root = fromstring(text)
        if root.tag not in self.elements:
            return [f"<{root.tag}> cannot be the root"]
        return list(self._element(root, self.elements[root.tag]))

    def _element(self, node: Element, declared: Element) -> Found:
        if "ref" in declared.attrib:
            declared = self.elements[declared.attrib["ref"]]
        kind = self._type(declared)
        if kind is None:  # any content
            return
        if isinstance(kind, str) or _kind(kind) == "simpleType":
            yield from (f"<{node.tag}> has {name}" for name in node.attrib)
            yield from (f"<{node.tag}> has <{child.tag}>" for child in node)
            yield from self._value(node.text or "", kind, f"<{node.tag}>")
            return
        yield from self._attributes(node, kind)
        yield from self._content(node, kind)

    def _type(self, declared: Element) -> Element | str | None:
        """The type of an element or an attribute: a node, the name of a built-in one, or None for any."""
        inline = [child for child in declared if _kind(child) in ("simpleType", "complexType")]
        if inline:
            return inline[0]
        name = declared.get("type")
        return self.types.get(name, name) if name else None

    def _attributes(self, node: Element, kind: Element) -> Found:
        declared = {each.attrib["name"]: each for each in self._parts(kind) if _kind(each) == "attribute"}
        yield from (f"<{node.tag}> has {name}" for name in node.attrib if name not in declared)
        for name, each in declared.items():
            if name in node.attrib:
                found = self._type(each)
                assert found is not None
                yield from self._value(node.attrib[name], found, f"{name} of <{node.tag}>")
            elif each.get("use") == "required":
                yield f"<{node.tag}> lacks {name}"

    def _content(self, node: Element, kind: Element) -> Found:
        parts = list(self._parts(kind))
        models = [part for part in parts if _kind(part) in ("sequence", "choice")]
        children = "".join(f"<{child.tag}>" for child in node)
        pattern = "".join(map(_pattern, models))
        if not re.fullmatch(pattern, children):
            yield f"<{node.tag}> has {children or 'nothing'}, which is not {pattern or 'nothing'}"
            return
        text_is_allowed = kind.get("mixed") == "true" or kind.find(f"{XS}simpleContent") is not None
        if not text_is_allowed and any((text or "").strip() for text in (node.text, *(c.tail for c in node))):
            yield f"<{node.tag}> has text"
        declared = {each.get("name") or each.get("ref"): each for m in models for each in _own_elements(m)}
        for child in node:
            yield from self._element(child, declared[child.tag])

    def _parts(self, kind: Element) -> Iterator[Element]:
        """The models and attributes of a complex type, those of the type that it extends first."""
        for child in kind:
            if _kind(child) in ("simpleContent", "complexContent"):
                (extension,) = child
                base = self.types[extension.attrib["base"]]
                if _kind(base) == "complexType":
                    yield from self._parts(base)
                yield from extension
            else:
                yield child

    def _value(self, value: str, kind: Element | str, where: str) -> Found:
        if isinstance(kind, str):
            if not re.fullmatch(BUILTIN[kind], value):
                yield f"{where}: '{value}' is not a {kind}"
            return
        (restriction,) = kind
        base = restriction.attrib["base"]
        yield from self._value(value, self.types.get(base, base), where)
        for facet in restriction:
            limit = facet.attrib["value"]
            if _kind(facet) == "minLength" and len(" ".join(value.split())) < int(limit):
                yield f"{where} is too short"
            if _kind(facet) == "pattern" and not re.fullmatch(limit, value):
                yield f"{where}: '{value}' is not {limit}"


KNOWN = set(
    "schema annotation documentation element complexType simpleType sequence choice attribute simpleContent"
    " complexContent extension restriction minLength pattern whiteSpace".split()
)


def _kind(node: Element) -> str:
    return str(node.tag).removeprefix(XS)


def _pattern(model: Element) -> str:
    """A content model as a regular expression of `<tag>`s."""
    if _kind(model) == "element":
        inner = f"<{model.get('name') or model.get('ref')}>"
    else:
        parts = [_pattern(part) for part in model if _kind(part) in ("element", "sequence", "choice")]
        inner = ("|" if _kind(model) == "choice" else "").join(parts)
    least, most = model.get("minOccurs", "1"), model.get("maxOccurs", "1")
    times = {("1", "1"): "", ("0", "1"): "?", ("0", "unbounded"): "*"}[least, most]
    return f"(?:{inner}){times}"


def _own_elements(model: Element) -> Iterator[Element]:
    """The elements that a content model names, not those within them."""
    for part in model:
        if _kind(part) == "element":
            yield part
        elif _kind(part) in ("sequence", "choice"):
            yield from _own_elements(part)
