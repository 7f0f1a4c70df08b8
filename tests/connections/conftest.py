"""Fixtures of the tests of connections."""

from tests.connections.pretend import payer

__all__ = ["payer"]
