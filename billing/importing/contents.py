"""What is in a delivery, step by step: from the fetched files to the pointer of the month."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.importing import load, numbering, swap
from billing.importing.aggregate import Reader
from billing.importing.faults import room_faults
from billing.importing.formats import format_of
from billing.importing.readers import open_file
from billing.importing.spool import Fetching
from billing.importing.warehouse import Warehouse, warehouse
from billing.models import Delivery, ImportRun, ServiceName
from connections.aws.deliveries import Manifest


@dataclass(frozen=True)
class Contents:
    """A delivery's files on their way into PostgreSQL; `folder` is the run's own."""

    run: ImportRun
    delivery: Delivery
    manifest: Manifest
    folder: Path

    def take_in(self, fetching: Fetching, *, still_the_same: Callable[[], None]) -> None:
        """Read, sum up, load, compare, and point the month here. Raises RunFailure.

        `still_the_same` raises when AWS has replaced the delivery meanwhile.
        """
        run, delivery = self.run, self.delivery
        run.rows_read = run.bytes_read = 0
        with warehouse(format_of(delivery.export.schema), self.folder) as house:
            with run.timed("read"):
                self._read(house, fetching)
            with run.timed("prepare"), room_faults(house):
                numbering.number(house)
            still_the_same()
            with run.timed("load"), load.prepared(house, self.folder) as (tables, summing):
                load.load(delivery.pk, tables)
                found = summing.result()
            delivery.rollup_rows = house.rollup_rows
            with run.timed("check"):
                totals, rows = swap.loaded_totals(delivery)
                swap.compare(dict(house.control.totals), totals, found)
            for sentence in found.warnings:
                run.warn(sentence)
            _note_totals(run, house, totals)
            run.rows_loaded = delivery.rows_loaded = rows
            delivery.rows_read, delivery.bytes_read = run.rows_read, run.bytes_read
            run.advance("swap")
            swap.swap(run, delivery, found)

    def _read(self, house: Warehouse, fetching: Fetching) -> None:
        organization = self.run.connection.organization_id
        names = ServiceName.objects.of(organization)
        reader = Reader(house, frozenset(names.values_list("code", flat=True)))
        progress = _Progress(house, fetching)
        self.run.watch(progress.now)
        for spooled in fetching:
            label = fetching.label(spooled)
            reader.add(open_file(spooled.path, label, self.manifest.file_format))
            progress.files_read += 1
            self.run.rows_read = house.rows_read
            self.run.bytes_read += spooled.info.size
            self.run.advance(**progress.now())
        reader.finish()
        house.take_less_memory()


@dataclass
class _Progress:
    """How far the files are fetched and read. May be asked from another thread."""

    house: Warehouse
    fetching: Fetching
    files_read: int = 0

    def now(self) -> dict[str, Any]:
        """Return what a run's progress says of it."""
        return {
            "files": self.fetching.files,
            "files_read": self.files_read,
            "rows": self.house.rows_read,
            "bytes": self.fetching.received,
            "bytes_total": self.fetching.size,
        }


def _note_totals(run: ImportRun, house: Warehouse, totals: swap.Totals) -> None:
    if len(totals) == 1:
        ((run.currency, run.portal_total),) = totals.items()
        run.export_total = house.control.totals[run.currency]
    elif len(totals) > 1:
        each = ", ".join(f"{amount:f} {currency}" for currency, amount in sorted(totals.items()))
        run.warn(f"The bill is in several currencies, which are never added: {each}.")
