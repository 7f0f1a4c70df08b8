"""Shares as exact decimals: they always make one whole, so that split costs add up to the bill."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

# A billionth. With more, a part of a bill's amount would not fit into the 28 digits that Python
# and the 20 decimals that stored amounts have.
PLACES = 9
_WHOLE = 10**PLACES


def weights(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return each name's share of the sum: decimals of PLACES places that add up to exactly 1.

    What rounding leaves goes to the largest remainders, of equal ones to the first by name. Who
    has nothing or less bears nothing; empty where nobody has anything.
    """
    parts = {name: Fraction(amount) for name, amount in amounts.items() if amount > 0}
    total = sum(parts.values())
    if not parts:
        return {}
    exact = {name: part * _WHOLE / total for name, part in parts.items()}
    whole = {name: int(share) for name, share in exact.items()}
    missing = _WHOLE - sum(whole.values())
    by_remainder = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    for name in by_remainder[:missing]:
        whole[name] += 1
    return {name: Decimal(share).scaleb(-PLACES) for name, share in whole.items() if share}
