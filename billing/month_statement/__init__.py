"""The month statement: the bill of a month as accounting books it."""
