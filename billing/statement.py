"""SQL that carries its parameters."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql


@dataclass(frozen=True)
class Statement:
    """SQL with its parameters."""

    text: sql.Composed
    params: tuple[Any, ...] = ()

    @classmethod
    def of(
        cls,
        template: LiteralString,
        *parts: "Statement | sql.Composable",
        params: Iterable[Any] = (),
    ) -> "Statement":
        """Return the template with its parts in place.

        `params` are for the template's own placeholders, which must stand behind the last part.
        """
        inner: list[Any] = []
        texts: list[sql.Composable] = []
        for part in parts:
            texts.append(part.text if isinstance(part, Statement) else part)
            inner += part.params if isinstance(part, Statement) else ()
        return cls(sql.SQL(template).format(*texts), (*inner, *params))

    @classmethod
    def joined(cls, separator: LiteralString, parts: Iterable["Statement"]) -> "Statement":
        """Return the parts one after the other."""
        found = list(parts)
        return cls(
            sql.SQL(separator).join([part.text for part in found]),
            tuple(value for part in found for value in part.params),
        )
