"""How often Python looks for garbage is changed for a while only."""

import gc

import pytest

from organizations.garbage import collecting_seldom


def test_it_is_as_before_afterwards_whatever_happens() -> None:
    before = gc.get_threshold()
    with pytest.raises(KeyError), collecting_seldom():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > before[0]
        raise KeyError
    assert gc.get_threshold() == before
