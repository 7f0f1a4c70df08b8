"""What costs can be grouped and filtered by, by the names of pages and API."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

TAG_PREFIX = "tag:"
COST_CATEGORY_PREFIX = "cost_category:"
RESOURCE = "resource"
ACCOUNT = "account"
ORGANIZATIONAL_UNIT = "organizational_unit"
COST_CENTER = "cost_center"

# Name -> (column of billing_cost_key, label).
_COLUMNS = {
    "account": ("account_id", "Account"),
    "service": ("service", "Service"),
    "region": ("region", "Region"),
    "charge_type": ("charge_type", "Charge type"),
    "usage_type": ("usage_type", "Usage type"),
    "operation": ("operation", "Operation"),
    "pricing_term": ("pricing_term", "Pricing term"),
    "billing_entity": ("billing_entity", "Billing entity"),
}
# Name -> label of the dimensions that an organization derives from others: see billing.derived.
_DERIVED = {ORGANIZATIONAL_UNIT: "Organizational unit", COST_CENTER: "Cost center"}
PLAIN_NAMES = (*_COLUMNS, RESOURCE, *_DERIVED)
NAMED_DIMENSIONS = (
    *((name, label) for name, (_, label) in _COLUMNS.items()),
    (RESOURCE, "Resource"),
    *_DERIVED.items(),
)


class Source(StrEnum):
    """Where the value of a dimension lies."""

    COST_KEY = "cost_key"
    RESOURCE = "resource"
    TAGS = "tags"
    COST_CATEGORIES = "cost_categories"
    DERIVED = "derived"


TAG_SOURCES = frozenset({Source.TAGS, Source.COST_CATEGORIES})


@dataclass(frozen=True)
class Dimension:
    """One dimension. `key` is the column of the cost key, or the tag's or category's key."""

    name: str
    label: str
    source: Source
    key: str

    @property
    def in_a_sentence(self) -> str:
        """Return the label as it stands within a sentence: `charge type`."""
        return self.label[:1].lower() + self.label[1:]

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the dimension of a name. Raises ValueError with a sentence."""
        if name in _COLUMNS:
            column, label = _COLUMNS[name]
            return cls(name, label, Source.COST_KEY, column)
        if name == RESOURCE:
            return cls(name, "Resource", Source.RESOURCE, "resource_id")
        if name in _DERIVED:
            return cls(name, _DERIVED[name], Source.DERIVED, name)
        if name.startswith(TAG_PREFIX):
            key = _key(name, TAG_PREFIX)
            return cls(name, f"Tag {key}", Source.TAGS, key)
        if name.startswith(COST_CATEGORY_PREFIX):
            key = _key(name, COST_CATEGORY_PREFIX)
            return cls(name, f"Cost category {key}", Source.COST_CATEGORIES, key)
        raise ValueError(f"“{name}” is not a dimension. Known are {known_names()}.")


def known_names() -> str:
    """Return the names of all dimensions, for a sentence."""
    return f"{', '.join(PLAIN_NAMES)}, {TAG_PREFIX}<key> and {COST_CATEGORY_PREFIX}<key>"


def is_dimension(name: str) -> bool:
    """Say whether the name has the form of a dimension (its key may still be missing)."""
    return name in PLAIN_NAMES or name.startswith((TAG_PREFIX, COST_CATEGORY_PREFIX))


def _key(name: str, prefix: str) -> str:
    key = name.removeprefix(prefix)
    if not key:
        raise ValueError(f"Name a key after “{prefix}”, for example {prefix}Environment.")
    return key
