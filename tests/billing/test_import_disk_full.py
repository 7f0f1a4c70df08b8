"""A disk without room: the run says so, the month is as it was, and nothing lies about."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from organizations.runs import ErrorClass, RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.breaking import imported, is_clean, small_disk
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


@pytest.fixture
def spool_of(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A spool on a disk of 640 KiB."""
    try:
        with small_disk(tmp_path / "disk", 640) as disk:
            settings.SPOOL_DIR = disk / "spool"
            yield disk
    except OSError as error:
        pytest.skip(f"Only root can make a small disk: {error}")


def wide(count: int, *, packs: bool) -> list[bills.LineItem]:
    """Line items whose file is large, or small although their daily costs are large."""
    chance = random.Random(1)
    return [
        usage(
            "0.12345678901234568",
            resource_id=f"i-{chance.randbytes(300).hex()}" if not packs else f"i-{n}",
            hour=n % 24,
            day=1 + n % 28,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("items", "step"),
    [(wide(3000, packs=False), "read"), (wide(8_000, packs=True), "load")],
    ids=["the files do not fit", "what becomes of them does not fit"],
)
def test_a_full_disk_is_said_and_changes_nothing(
    cast: Cast, aws: str, spool_of: Path, items: list[bills.LineItem], step: str
) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(items))
    size = sum(len(delivered.files[key]) for key in delivered.data_keys)
    assert (size > 640 << 10) == (step == "read")

    look = bills.run_import(connection)

    assert look.state == RunState.FAILED
    assert look.error_class == ErrorClass.CONFIG, look.error_message
    assert "disk" in look.error_message
    assert "full" in look.error_message
    assert "SPOOL_DIR" in look.error_hint
    assert look.months.get().step == step
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()

    bills.put_bill(bills.bill([usage("5"), usage("6")]))
    assert bills.run_import(connection).portal_total == D(11)


def test_a_disk_so_full_that_no_folder_fits_is_said_too(
    cast: Cast, aws: str, spool_of: Path
) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill([usage("5"), usage("6")]))
    for number in range(10_000):
        try:
            (spool_of / f"{number}").touch()
        except OSError:
            break

    look = bills.run_import(connection)

    assert look.error_class == ErrorClass.CONFIG, look.error_message
    assert "disk" in look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    for one in spool_of.iterdir():
        if one.is_file():
            one.unlink()
    assert bills.run_import(connection).portal_total == D(11)
    assert is_clean()
