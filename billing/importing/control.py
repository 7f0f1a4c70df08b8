"""The export's own total: a sum of its raw unblended column, apart from the aggregation.

It is computed by pyarrow from the file's rows; the daily costs are computed by DuckDB. When the
two differ after loading, something between them is wrong, and the import fails.
"""

import threading
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from billing.exact import EXACT
from billing.importing.amounts import COST_SCALE
from billing.importing.formats.base import BillFormat
from organizations.runs import ErrorClass, RunFailure

_DECIMAL = pa.decimal128(38, COST_SCALE)
_FEW = 90_000  # of so many numbers below 10^14 the sum has room in 64 bits
_QUANTUM = Decimal(1).scaleb(-COST_SCALE)


class ControlTotal:
    """Sums by currency. Batches may come from several threads."""

    def __init__(self, bill_format: BillFormat) -> None:
        self._format = bill_format
        self._lock = threading.Lock()
        self.totals: defaultdict[str, Decimal] = defaultdict(Decimal)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that `add` needs of a batch."""
        control = self._format.control
        return tuple(filter(None, (control.amount, control.currency, control.operation)))

    def add(self, batch: Any, label: str) -> None:
        """Add a batch of raw rows. Raises RunFailure when an amount is no number."""
        control = self._format.control
        if control.operation:
            batch = _without(batch, control.operation, self._format.not_money)
        for currency, amounts in _by_text(batch, control.currency, control.amount):
            total = self._sum(amounts, label)
            with self._lock, localcontext(EXACT):
                self.totals[currency] += total

    def _sum(self, amounts: Any, label: str) -> Decimal:
        try:
            return exact_sum(amounts)
        except (InvalidOperation, pa.ArrowInvalid):
            raise RunFailure(
                ErrorClass.DATA,
                f"The column {self._format.control.amount} of {label} holds something that is no"
                " amount.",
                "The month stays as it was. AWS writes the file anew with its next delivery.",
            ) from None


def _without(batch: Any, column: str, values: tuple[str, ...]) -> Any:
    """Return the batch without the rows whose column has one of these values."""
    texts = batch.column(column)
    occurring = texts.dictionary if pa.types.is_dictionary(texts.type) else texts
    unwanted = pa.array(values, pa.string())
    if not pc.any(pc.is_in(pc.cast(occurring, pa.string()), unwanted)).as_py():
        return batch
    return batch.filter(pc.invert(pc.is_in(pc.cast(texts, pa.string()), unwanted)))


def _by_text(batch: Any, column: str, values: str) -> list[tuple[str, Any]]:
    """Return the values for each text of a column, '' where it is null."""
    texts, amounts = batch.column(column), batch.column(values)
    names = pc.cast(pc.unique(texts), pa.string()).to_pylist()
    if len(names) == 1:
        return [(names[0] or "", amounts)]
    known = pc.fill_null(pc.cast(texts, pa.string()), "")
    return [(name, amounts.filter(pc.equal(known, name))) for name in pc.unique(known).to_pylist()]


def exact_sum(amounts: Any) -> Decimal:
    """Return the sum of an Arrow array of doubles, decimals or texts, to the last decimal.

    A double counts as the shortest decimal that means it. Raises InvalidOperation or ArrowInvalid
    for what is no number.
    """
    amounts = amounts.drop_null()
    with localcontext(EXACT):
        if pa.types.is_float64(amounts.type):
            return _sum_doubles(amounts)
        if pa.types.is_string(amounts.type) or pa.types.is_large_string(amounts.type):
            return _sum_texts(amounts)
        return _sum_one_by_one(pc.cast(amounts, pa.string()))


def _sum_doubles(values: Any) -> Decimal:
    # Nearly all batches: amounts below ten thousand, with at most ten decimals.
    whole = pc.round(pc.multiply(values, 1e10))
    fits = pc.and_(pc.equal(pc.divide(whole, 1e10), values), pc.less(pc.abs(values), 1e4))
    if len(values) <= _FEW and pc.all(fits).as_py():
        return Decimal(pc.sum(pc.cast(whole, pa.int64())).as_py() or 0).scaleb(-10)
    total = Decimal(0)
    for digits, bound in ((15, 1.0), (12, 1000.0)):
        power = 10.0**digits
        small = values.filter(pc.less(pc.abs(values), bound))
        rest = values.filter(pc.invert(pc.less(pc.abs(values), bound)))
        whole = pc.round(pc.multiply(small, power))
        exact = pc.equal(pc.divide(whole, power), small)
        cents = pc.cast(pc.cast(whole.filter(exact), pa.int64()), pa.decimal128(38, 0))
        total += Decimal(pc.sum(cents).as_py() or 0).scaleb(-digits)
        values = pa.concat_arrays([rest, small.filter(pc.invert(exact))])
    return total + _sum_one_by_one(values)


def _sum_texts(values: Any) -> Decimal:
    values = values.filter(pc.not_equal(values, ""))
    try:
        return pc.sum(pc.cast(values, _DECIMAL)).as_py() or Decimal(0)
    except pa.ArrowInvalid:
        return _sum_one_by_one(values)


def _sum_one_by_one(values: Any) -> Decimal:
    total = Decimal(0)
    for entry in pc.value_counts(values).to_pylist():
        value = entry["values"]
        amount = Decimal(repr(value) if isinstance(value, float) else str(value).strip() or "0")
        total += amount.quantize(_QUANTUM, ROUND_HALF_UP) * entry["counts"]
    return total
