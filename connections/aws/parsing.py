"""Reads AWS's XML as botocore does, in less time.

botocore looks in every element for each of the members that its shape may have: an instance may
have a hundred and has twenty. Here the elements that are there are looked up instead, and how each
is read is found out once. A survey of many regions spends most of its time in this.
"""

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from botocore import parsers

_Read = Callable[[Element], Any]


def _text(node: Element) -> str:
    return node.text or ""


_SCALARS: Mapping[str, _Read] = {
    "string": _text,
    "character": _text,
    "boolean": lambda node: node.text == "true",
    "integer": lambda node: int(_text(node)),
    "long": lambda node: int(_text(node)),
    "float": lambda node: float(_text(node)),
    "double": lambda node: float(_text(node)),
}


class _Structure:
    """Reads one structure's elements. Those of which the shape knows nothing are left out."""

    def __init__(self, parser: "_ByElement", shape: Any, members: Mapping[str, Any]) -> None:
        self._parser = parser
        self._shape = shape
        self._members = members
        # By the tags that came, with their namespaces.
        self._known: dict[str, tuple[str, _Read]] = {}

    def __call__(self, node: Element) -> Any:
        known = self._known
        parsed: dict[str, Any] = {}
        for element in node:
            found = known.get(element.tag) or self._find(element.tag)
            if found is None:
                continue
            name, read = found
            if name in parsed:
                return self._parser.read_slowly(self._shape, node)
            parsed[name] = read(element)
        return parsed

    def _find(self, tag: str) -> tuple[str, _Read] | None:
        name = self._members.get(tag[tag.find("}") + 1 :])
        if name is None:
            return None
        found = self._known[tag] = name, self._parser.reader_of(self._shape.members[name])
        return found


class _ByElement(parsers.BaseXMLResponseParser):  # type: ignore[misc]
    """Reads structures by the elements that they have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By what describes the shape, which clients of all regions share. It is kept beside its
        # reader: as long as it is, nothing else has its identity.
        self._readers: dict[int, tuple[Any, _Read]] = {}

    def reader_of(self, shape: Any) -> _Read:
        """Return what reads an element of this shape."""
        kind = shape.type_name
        if kind in _SCALARS:
            return _SCALARS[kind]
        if kind == "timestamp":
            return lambda node: self._timestamp_parser(_text(node))
        if kind == "structure":
            return self._structure_reader(shape)
        if kind == "list":
            return self._list_reader(shape)
        return lambda node: self._parse_shape(shape, node)

    def read_slowly(self, shape: Any, node: Any) -> Any:
        """Read a structure as botocore does."""
        return super()._handle_structure(shape, node)

    def _handle_structure(self, shape: Any, node: Any) -> Any:
        if isinstance(node, list):
            return self.read_slowly(shape, node)
        model = shape._shape_model
        known = self._readers.get(id(model))
        if known is None:
            known = self._readers[id(model)] = model, self._structure_reader(shape)
        return known[1](node)

    def _structure_reader(self, shape: Any) -> _Read:
        members = self._read_members(shape)
        if members is None:
            return lambda node: self.read_slowly(shape, node)
        return _Structure(self, shape, members)

    def _list_reader(self, shape: Any) -> _Read:
        read = self.reader_of(shape.member)
        if shape.serialization.get("flattened"):
            return lambda node: [read(node)]
        return lambda node: [read(item) for item in node]

    def _read_members(self, shape: Any) -> Mapping[str, str] | None:
        """Return the members by element, None for a shape with anything out of the ordinary."""
        if shape.metadata.get("exception", False) or shape.is_tagged_union:
            return None
        members: dict[str, str] = {}
        for name, member in shape.members.items():
            serialization = member.serialization
            if serialization.get("xmlAttribute") or serialization.get("eventheader"):
                return None
            if serialization.get("location") in self.KNOWN_LOCATIONS:
                continue
            element = self._member_key_name(member, name)
            if element in members:
                return None
            members[element] = name
        return members


class _EC2(_ByElement, parsers.EC2QueryParser):  # type: ignore[misc]
    pass


class _Query(_ByElement, parsers.QueryParser):  # type: ignore[misc]
    pass


_PARSERS = {"ec2": _EC2, "query": _Query}


class ParserFactory(parsers.ResponseParserFactory):  # type: ignore[misc]
    """Makes botocore's parsers, and ours for the protocols of long lists."""

    def __init__(self) -> None:
        super().__init__()
        self._ours: dict[str, _ByElement] = {}

    def set_parser_defaults(self, **defaults: Any) -> None:
        """Set what parsers are made with."""
        super().set_parser_defaults(**defaults)
        self._ours.clear()

    def create_parser(self, protocol_name: str) -> Any:
        """Return a parser of a protocol. botocore asks for one at each call: ours are kept."""
        if protocol_name not in _PARSERS:
            return super().create_parser(protocol_name)
        if protocol_name not in self._ours:
            self._ours[protocol_name] = _PARSERS[protocol_name](**self._defaults)
        return self._ours[protocol_name]
