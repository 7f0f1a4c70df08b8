"""Exact amounts in DuckDB's SQL: text and doubles as decimals, never through a float's error.

AWS writes amounts as the shortest text that means the double; a Parquet double 0.1 therefore means
0.1, and not 0.1000000000000000055. Most doubles are found by arithmetic: when a decimal of at most
15 digits gives the same double, it is the shortest one there is. The others go through text.
"""

COST_SCALE = 20
QUANTITY_SCALE = 12  # quantities can be huge, and nobody pays for their thirteenth decimal
_WIDE, _NARROW = 38, 18  # digits; the latter is a number of the processor's own

# |x| below the bound times the power of ten is below 1e15, so it has at most 15 digits.
_TIERS = (("1e-3", 18), ("1.0", 15), ("1e3", 12))


def decimal_type(scale: int, most: float | None = None) -> str:
    """Return the SQL type of amounts with this many decimals, where none is larger than `most`.

    Narrow ones are added up and written out in half the time, and take half the room.
    """
    is_narrow = most is not None and scale < _NARROW and 2 * most < 10.0 ** (_NARROW - scale)
    return f"DECIMAL({_NARROW if is_narrow else _WIDE}, {scale})"


def from_text(column: str, scale: int = COST_SCALE) -> str:
    """Return SQL for a text column's amounts; '' is null. Fails for what is no number."""
    return f"CAST(nullif(trim({column}), '') AS {decimal_type(scale)})"


def from_double(column: str, scale: int = COST_SCALE) -> str:
    """Return SQL for a double column's amounts. Fails for NaN and infinity."""
    branches = [_tier(column, bound, digits, scale) for bound, digits in _TIERS]
    rest = f"CAST(CAST({column} AS VARCHAR) AS {decimal_type(scale)})"
    return f"CASE {' '.join(branches)} ELSE {rest} END"


def from_number(column: str, scale: int = COST_SCALE) -> str:
    """Return SQL for a column of whole numbers or decimals."""
    return f"CAST({column} AS {decimal_type(scale)})"


def nothing(scale: int) -> str:
    """Return SQL for the amounts of a column that the file does not have."""
    return f"CAST(NULL AS {decimal_type(scale)})"


def _tier(column: str, bound: str, digits: int, scale: int) -> str:
    whole = f"CAST(round({column} * 1e{digits}) AS BIGINT)"
    # As wide as the amount where that fits: then the product has its type, without another step.
    places = max(digits, scale)
    unit = f"CAST('0.{'1'.zfill(digits)}' AS DECIMAL({places}, {places}))"
    amount = f"CAST(CAST({whole} AS DECIMAL(18, 0)) * {unit} AS {decimal_type(scale)})"
    return f"WHEN abs({column}) < {bound} AND {whole} / 1e{digits} = {column} THEN {amount}"
