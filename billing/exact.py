"""Arithmetic on amounts without rounding."""

from decimal import Context

# Python's own 28 digits are too few for sums of amounts with twenty decimals.
EXACT = Context(prec=80)
