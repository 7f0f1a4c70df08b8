"""What the columns of each billing format mean: one column map a format."""

from billing.importing.formats import cur2, focus, legacy_cur
from billing.importing.formats.base import BillFormat
from connections.models import ExportSchema

_FORMATS: dict[str, BillFormat] = {
    ExportSchema.CUR2: cur2.FORMAT,
    ExportSchema.LEGACY_CUR: legacy_cur.FORMAT,
    ExportSchema.FOCUS_1_0: focus.FOCUS_1_0,
    ExportSchema.FOCUS_1_2: focus.FOCUS_1_2,
}


def format_of(schema: str) -> BillFormat:
    """Return the column map of an export's schema. Raises KeyError for one we do not read."""
    return _FORMATS[schema]
