"""S3 fails: in whole files and in the parts of large ones."""

import random
from decimal import Decimal
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from billing.models import ImportRun
from connections.aws.session import PATIENT
from organizations.runs import ErrorClass, RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.breaking import held_up, imported, is_clean, one_file_is_read, wait_for
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
PART = 20_000


@pytest.fixture(params=["whole", "in parts"])
def in_parts(request: pytest.FixtureRequest, settings: Settings) -> bool:
    """Whether files are fetched in parts, as large ones are."""
    if request.param == "in parts":
        settings.SPOOL_PART_BYTES = PART
    return bool(request.param == "in parts")


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask AWS twice at most: each further attempt waits twice as long for the same answer."""
    twice = {"mode": "standard", "total_max_attempts": 2}
    monkeypatch.setattr(PATIENT, "retries", twice)


def large(total: int) -> list[bills.LineItem]:
    """Line items that come to this and fill several parts."""
    chance = random.Random(total)
    named = [usage("0", resource_id=f"i-{chance.randbytes(150).hex()}") for _ in range(400)]
    return [usage(str(total)), *named]


def test_a_file_comes_whole_and_in_parts(cast: Cast, aws: str, in_parts: bool) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(large(11)))
    size = len(delivered.files[delivered.data_keys[0]])
    bills.forget_requests(aws)

    assert bills.run_import(connection).portal_total == D(11)

    parts = -(-size // PART)
    assert parts > 2
    # One request more is the manifest's.
    assert bills.asked_of_aws(aws)["s3:GetObject"] == (parts if in_parts else 1) + 1


@pytest.mark.parametrize(
    "fault",
    [{"code": "InternalError", "status": 500}, {"code": "SlowDown", "status": 503}],
    ids=["500", "503 SlowDown"],
)
def test_a_fault_that_passes_is_waited_for(
    cast: Cast, aws: str, in_parts: bool, fault: dict[str, Any]
) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(large(11)))
    place = f"{bills.BUCKET}/{delivered.data_keys[0]}"
    skip = 1 if in_parts else 0
    bills.break_aws(aws, action="GetObject", path=place, skip=skip, times=2, **fault)

    assert bills.run_import(connection).portal_total == D(11)
    assert is_clean()


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        ({"cut_after": 1000}, ErrorClass.TRANSIENT),
        ({"truncate_to": 1000}, ErrorClass.TRANSIENT),
        ({"code": "SlowDown", "status": 503}, ErrorClass.THROTTLED),
        ({"code": "InternalError", "status": 500}, ErrorClass.TRANSIENT),
    ],
    ids=["cut connection", "wrong length", "SlowDown for long", "500 for long"],
)
@pytest.mark.usefixtures("in_haste")
def test_a_fault_that_does_not_pass_fails_the_import(
    cast: Cast, aws: str, in_parts: bool, fault: dict[str, Any], error_class: ErrorClass
) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(large(9)))
    place = f"{bills.BUCKET}/{delivered.data_keys[0]}"
    skip = 1 if in_parts else 0
    bills.break_aws(aws, action="GetObject", path=place, skip=skip, **fault)

    look = bills.run_import(connection)

    assert (look.state, look.error_class) == (RunState.FAILED, error_class), look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()
    bills.heal_aws(aws)
    assert bills.run_import(connection).portal_total == D(9)


def test_a_file_replaced_between_two_of_its_parts_is_read_anew(
    cast: Cast, aws: str, settings: Settings
) -> None:
    settings.SPOOL_PART_BYTES = PART
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(large(9)))
    place = f"{bills.BUCKET}/{delivered.data_keys[0]}"
    bills.forget_requests(aws)
    looks: list[ImportRun] = []

    def work() -> None:
        looks.append(bills.run_import(connection))

    # The first part comes; the second is asked for, and answered when the file is another.
    with held_up(work, aws, action="GetObject", path=place, skip=1):
        wait_for(lambda: bills.asked_of_aws(aws).get("s3:GetObject", 0) >= 2)
        bills.put_bill(bills.bill(large(11)))

    (look,) = looks
    assert look.portal_total == D(11), look.error_message
    (month,) = look.months.all()
    assert any("began again" in warning for warning in month.warnings)
    assert is_clean()


def test_a_manifest_replaced_while_the_files_are_read_is_read_anew(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(large(9)), chunks=2)
    place = f"{bills.BUCKET}/{delivered.data_keys[1]}"
    looks: list[ImportRun] = []

    def work() -> None:
        looks.append(bills.run_import(connection))

    with held_up(work, aws, action="GetObject", path=place):
        wait_for(one_file_is_read)
        # Another execution, in files of its own: those under way stay as they were.
        bills.put_bill(bills.bill(large(11)), overwrite=False)

    (look,) = looks
    assert look.portal_total == D(11), look.error_message
    assert any("began again" in warning for warning in look.months.get().warnings)
    assert is_clean()
