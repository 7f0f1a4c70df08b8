"""Fixtures of the discovery tests."""

import pytest

from tests.cast import Cast
from tests.discovery.world import World, build_world


@pytest.fixture
def world(cast: Cast, aws: str) -> World:
    """Acme's account."""
    return build_world(aws, cast.acme)
