"""Bodies of API calls: no deeper than can be read, and of text that can be stored."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class TextJSONParser(JSONParser):
    """JSON, refused with a sentence where it is nested too deeply or holds what is no text."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what the body holds. Raises ParseError."""
        try:
            found = super().parse(stream, media_type, parser_context)
            # Half of a surrogate pair is no text: neither the database nor an answer can hold it.
            json.dumps(found, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except UnicodeEncodeError:
            raise ParseError("The JSON holds half of a surrogate pair, which is no text.") from None
        return found
