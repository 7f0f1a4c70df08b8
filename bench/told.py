"""What the imports of a month say of themselves, as JSON: python -m bench.told"""

import json

import django

django.setup()

from django.db import connection  # noqa: E402 - after setup

from billing.facts import FACT_TABLES  # noqa: E402
from billing.models import ImportRun  # noqa: E402
from organizations.runs import RunState  # noqa: E402


def main() -> None:
    runs = ImportRun.objects.filter(billing_period__isnull=False, state=RunState.SUCCEEDED)
    run = runs.latest("pk")
    told = {name: getattr(run, name) for name in ("rows_read", "rows_loaded", "timings")}
    fastest = min(one.finished_at - one.started_at for one in runs)
    print(
        json.dumps(
            {
                **told,
                "bytes_stored": _stored(run.delivery_id),
                "fastest_seconds": fastest.total_seconds(),
            }
        )
    )


def _stored(delivery_id: int) -> int:
    """Return what the delivery takes in the database, its indexes and dimensions included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)"
            " FROM unnest(CAST(%s AS text[])) AS name",
            [[table.partition(delivery_id) for table in FACT_TABLES]],
        )
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
