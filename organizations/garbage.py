"""How often Python looks for garbage that refers to itself."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects made, less those freed: Python's own 700 are made by every page of a list.
_OBJECTS = 50_000


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Look for cyclic garbage less often while much is made that refers to nothing in a circle.

    Each look goes through what was made lately, and now and then through all that the process
    holds: a survey, which makes hundreds of thousands of objects and frees them by itself, spent a
    third of its time on that. It holds for the whole process while the block lasts.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
