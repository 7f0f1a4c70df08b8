"""What a person at the terminal sees while the demo starts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGN_OF_LIFE = 5.0  # seconds


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[Callable[[], None]]:
    """Print a step's title, then how long it took. Call the yielded tick while waiting."""
    say(f"  {title} …")
    started = said = time.monotonic()

    def tick() -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _SIGN_OF_LIFE:
            said = now
            say(f"    still at it, {now - started:.0f} s")

    yield tick
    say(f"    done, {time.monotonic() - started:.1f} s")
