"""Archives and cells that were made to harm."""

import gzip
import io
import zipfile
from collections.abc import Callable

import pytest

from billing.importing import cleanup
from billing.models import ImportRun
from connections.models import Connection, ExportSchema
from organizations.runs import ErrorClass, RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.breaking import GOOD, NEXT, imported, is_clean, replace_data
from tests.billing.test_import_faults import CSV, PARQUET, D, with_cell
from tests.billing.test_import_forms import put_legacy, report
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def zipped(*texts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"{number}.csv", text)
    return out.getvalue()


def text_of(archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(opened.namelist()[0])


def bomb(archive: bytes) -> bytes:
    """The bill's header, and 100 MB of nothing in a thousandth of it."""
    header = text_of(archive).splitlines()[0]
    return zipped(header + b"\n" + bytes(100_000_000))


BAD_ARCHIVES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "two members": (lambda body: zipped(text_of(body), b"more"), "2 files instead of one"),
    "no member": (lambda body: zipped(), "0 files instead of one"),
    "a bomb": (bomb, "times its size"),
    "truncated": (lambda body: body[:-30], "cannot be read"),
    "a broken member": (lambda body: body[:60] + bytes(40) + body[100:], "cannot be read"),
    "a gzip file": (lambda body: gzip.compress(text_of(body)), "cannot be read"),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_a_bad_archive_changes_nothing(cast: Cast, aws: str, case: str) -> None:
    spoil, said = BAD_ARCHIVES[case]
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=ExportSchema.LEGACY_CUR)
    put_legacy(GOOD, report("zip"))
    assert bills.run_import(connection).state == RunState.SUCCEEDED
    cleanup.remove_strays()
    replace_data(put_legacy(NEXT, report("zip")), spoil)

    look = bills.run_import(connection)

    fails_with(look, said, connection)
    put_legacy([*NEXT, usage("1")], report("zip"))
    assert bills.run_import(connection).portal_total == D(12)


def fails_with(look: ImportRun, said: str, connection: Connection) -> None:
    assert (look.state, look.error_class) == (RunState.FAILED, ErrorClass.DATA), look.error_message
    assert said in look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()


@pytest.mark.parametrize("file_format", [CSV, PARQUET])
def test_a_cell_of_ten_megabytes_is_refused(cast: Cast, aws: str, file_format: str) -> None:
    connection = imported(cast, file_format=file_format)
    if file_format == CSV:
        huge = "".join(chr(33 + n * 7919 % 90) for n in range(1_000_000)).replace('"', "x") * 10
        replace_data(
            bills.put_bill(bills.bill(NEXT), file_format=CSV),
            with_cell("line_item_resource_id", huge),
        )
    else:
        bills.put_bill(bills.bill([usage("5", resource_id="x" * 10_000_000)]))

    look = bills.run_import(connection)

    fails_with(look, "longer than", connection)
    bills.put_bill(bills.bill(NEXT), file_format=file_format)
    assert bills.run_import(connection).portal_total == D(11)
