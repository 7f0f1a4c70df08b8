"""Reads AWS's XML as botocore does, in less time.

botocore looks in every element for each of the members that its shape may have: an instance may
have a hundred and has twenty. Here the elements that are there are looked up instead. A survey of
many regions spends most of its time in this.
"""

from typing import Any

from botocore import parsers

# What a shape's elements are: {name in XML: (member, its shape)}.
_Members = dict[str, tuple[str, Any]]


class _ByElement(parsers.BaseXMLResponseParser):  # type: ignore[misc]
    """Reads structures by the elements that they have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A shape is kept beside its members: as long as it is, no other has its identity.
        self._members: dict[int, tuple[Any, _Members | None]] = {}

    def _handle_structure(self, shape: Any, node: Any) -> Any:
        members = self._members_of(shape)
        if members is None or isinstance(node, list):
            return super()._handle_structure(shape, node)
        parsed: dict[str, Any] = {}
        several: dict[str, list[Any]] = {}
        for element in node:
            tag = element.tag
            found = members.get(tag[tag.find("}") + 1 :])
            if found is None:
                continue
            name = found[0]
            if name in several:
                several[name].append(element)
            elif name in parsed:
                several[name] = [parsed[name], element]
            else:
                parsed[name] = element
        for name, element in parsed.items():
            parsed[name] = self._parse_shape(shape.members[name], several.get(name, element))
        return parsed

    def _members_of(self, shape: Any) -> _Members | None:
        known = self._members.get(id(shape))
        if known is None:
            known = shape, self._read_members(shape)
            self._members[id(shape)] = known
        return known[1]

    def _read_members(self, shape: Any) -> _Members | None:
        """Return the members by element, None for a shape with anything out of the ordinary."""
        if shape.metadata.get("exception", False) or shape.is_tagged_union:
            return None
        members: _Members = {}
        for name, member in shape.members.items():
            serialization = member.serialization
            if serialization.get("xmlAttribute") or serialization.get("eventheader"):
                return None
            if serialization.get("location") in self.KNOWN_LOCATIONS:
                continue
            element = self._member_key_name(member, name)
            if element in members:
                return None
            members[element] = (name, member)
        return members


class _EC2(_ByElement, parsers.EC2QueryParser):  # type: ignore[misc]
    pass


class _Query(_ByElement, parsers.QueryParser):  # type: ignore[misc]
    pass


_PARSERS = {"ec2": _EC2, "query": _Query}


class ParserFactory(parsers.ResponseParserFactory):  # type: ignore[misc]
    """Makes botocore's parsers, and ours for the protocols of long lists."""

    def create_parser(self, protocol_name: str) -> Any:
        """Return a parser of a protocol."""
        ours = _PARSERS.get(protocol_name)
        return ours(**self._defaults) if ours else super().create_parser(protocol_name)
