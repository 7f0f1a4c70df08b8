"""What pages and cost queries take over a year of bills: 12 months of a million daily rows.

The bills go through the importer's own numbering and loading. Measured are whole pages through
Django, and what all their statements take in the database: the explorer by everything, by month and
by day. And the lists that a program asks for: every group of every day. Always the 95th percentile
of twenty times, and the median.

EXPLAIN=1 writes the plans of the lists to the standard error.
"""

import datetime as dt
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 - after setup
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.report import report  # noqa: E402
from billing.allocation import sums  # noqa: E402
from billing.allocation.models import AllocationRule, CostCenter  # noqa: E402
from billing.cost_query import CostQuery, Granularity  # noqa: E402
from billing.cost_sql import cost_statement  # noqa: E402
from billing.counted import counted  # noqa: E402
from billing.derived import derivations  # noqa: E402
from billing.importing import load, numbering  # noqa: E402
from billing.importing.formats import format_of  # noqa: E402
from billing.importing.warehouse import LABELS, MEASURES, Warehouse, warehouse  # noqa: E402
from billing.models import (  # noqa: E402
    BillingMonth,
    Delivery,
    DeliveryAccount,
    DeliveryState,
)
from billing.periods import month_start  # noqa: E402
from billing.statement import Statement  # noqa: E402
from connections.models import AuthMethod, Connection, ConnectionKind, Export  # noqa: E402
from organizations.access import Role  # noqa: E402
from organizations.models import Membership, Organization, User  # noqa: E402
from organizations.services import create_organization  # noqa: E402

PAYER = "100000000000"
ACCOUNTS = 30
RESOURCES = 12_000
# A resource belongs to an account, a region, a service and a team; its uses are its service's.
ITEMS = f"""
SELECT DATE '{{month}}' + CAST(n // {{series}} AS INTEGER) AS day,
    '{PAYER}' AS payer_account_id, (100000000000 + r % {ACCOUNTS})::VARCHAR AS account_id,
    'Service' || r % 41 AS service,
    ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1', 'ap-southeast-1', '']
        [(r // 41 % 6 + 1)::INTEGER] AS region,
    CASE WHEN r % 10 = 0 THEN 'SavingsPlanCoveredUsage' ELSE 'Usage' END AS charge_type,
    'Use' || r % 41 || ':' || k % 9 AS usage_type, 'Operation' || k % 23 AS operation,
    'OnDemand' AS pricing_term, 'AWS' AS billing_entity, '1610481516' AS invoice_id,
    'USD' AS currency, 'i-' || lpad(r::VARCHAR, 17, '0') AS resource_id,
    CASE WHEN r % 7 = 0 THEN '' ELSE '{{{{"team":"team-' || r % 24 || '","env":"env-' || r % 4
        || '","project":"project-' || r % 150 || '"}}}}' END AS tags,
    '' AS cost_categories
FROM (SELECT n, k, k % {RESOURCES} AS r FROM (SELECT n, n % {{series}} AS k
    FROM range({{rows}}) t(n)))
"""
GROUPS: tuple[tuple[str, ...], ...] = (
    *(("account",), ("service",), ("region",), ("charge_type",), ("usage_type",), ("operation",)),
    *(("pricing_term",), ("billing_entity",), ("tag:team",), ("tag:env",), ("tag:project",)),
    *(("service", "usage_type"), ("service", "region"), ("cost_center",)),
)
ONLY_BY_MONTH = (("account", "service"), ("region", "tag:team"), ("resource",))
CENTERS, RULES = 25, 50
TIMES = 20
PAGES = (
    ("overview", ""),
    ("explore", "explore/"),
    ("explore_resources", "explore/?group_by=resource"),
    ("statement", "statement/"),
    ("changes", "changes/"),
    ("changes_closed_month", "changes/?month={closed}"),
    ("tag_coverage", "tag-coverage/"),
    ("commitments", "commitments/"),
    ("budgets", "budgets/"),
    ("anomalies", "anomalies/"),
)


def fill(organization: Organization, month: dt.date, rows: int, payer: Connection) -> None:
    """Load one month as an import would."""
    # The month under way has the days that are over.
    days = min((month_start(month, 1) - month).days, (timezone.now().date() - month).days or 1)
    export = payer.exports.get()
    delivery = Delivery.objects.create(
        export=export, billing_period=month, execution_id=f"{month}", manifest_key="bench"
    )
    with (
        tempfile.TemporaryDirectory(dir=settings.SPOOL_DIR) as folder,
        warehouse(format_of(export.schema), Path(folder)) as house,
    ):
        _items(house, ITEMS.format(month=month, rows=rows, series=-(-rows // days)))
        numbering.number(house)
        with load.prepared(house, Path(folder)) as (tables, summing):
            load.load(delivery.pk, tables)
            found = summing.result()
        delivery.rollup_rows = house.rollup_rows
        delivery.state, delivery.loaded_at = DeliveryState.LOADED, timezone.now()
        delivery.first_day, delivery.last_day = found.days
        delivery.data_through, delivery.rows_loaded = found.data_through, rows
        delivery.save()
        DeliveryAccount.objects.bulk_create(
            DeliveryAccount(
                delivery=delivery,
                account_id=account_id,
                payer_account_id=payer,
                currency=currency,
                unblended_cost=amount,
                line_items=count,
            )
            for account_id, payer, currency, _, amount, count in found.accounts
        )
        BillingMonth.objects.create(connection=payer, billing_period=month, delivery=delivery)


def _items(house: Warehouse, query: str) -> None:
    cost = "round(0.01 + hash(r, n) % 100000 / 7000.0, 8)::DECIMAL(38, 20)"
    costs = ", ".join(cost for _ in MEASURES)
    house.add(
        f"SELECT {', '.join(LABELS[:-2])}, '', '', day, {costs}, 1 FROM"
        f" ({query.replace('SELECT DATE', 'SELECT r, n, DATE', 1)})"
    )


def company() -> tuple[Organization, Connection]:
    """Make the organization: its payer, its members, and somebody who reads."""
    organization = create_organization(slug="bench", name="Bench")
    for number in range(ACCOUNTS):
        made = Connection.objects.create(
            organization=organization,
            name=f"account {number}",
            kind=ConnectionKind.LINKED if number else ConnectionKind.ROOT,
            account_id=str(int(PAYER) + number),
            auth_method=AuthMethod.AMBIENT,
        )
        if not number:
            payer = made
    Export.objects.create(
        connection=payer, schema="cur2", name="big", bucket="big", prefix="x", region="us-east-1"
    )
    reader = User.objects.create_user("reader", password="bench")  # noqa: S106
    Membership.objects.create(user=reader, organization=organization, role=Role.FINANCE)
    _allocate(organization)
    return organization, payer


def _allocate(organization: Organization) -> None:
    """Make cost centers with rules of every kind."""
    centers = [
        CostCenter.objects.create(organization=organization, code=f"C{n}", name=f"Center {n}")
        for n in range(CENTERS)
    ]
    kinds = (
        lambda n: ("tag:team", "is", [f"team-{n % 24}"]),
        lambda n: ("tag:project", "matches", [f"*-{n}*"]),
        lambda n: ("account", "is", [str(int(PAYER) + n % ACCOUNTS)]),
        lambda n: ("service", "matches", [f"Service{n % 41}"]),
        lambda n: ("region", "is", ["eu-west-1"]),
    )
    for n in range(RULES):
        on, operator, values = kinds[n % len(kinds)](n)
        AllocationRule.objects.create(
            organization=organization,
            center=centers[n % CENTERS],
            position=n + 1,
            conditions=[{"on": on, "operator": operator, "values": values}],
        )


def main(rows: int) -> None:
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    Path(settings.SPOOL_DIR).mkdir(exist_ok=True, parents=True)
    this_month = timezone.now().date().replace(day=1)
    organization = Organization.objects.filter(slug="bench").first()
    if organization is None:
        organization, payer = company()
        for number in range(11, -1, -1):
            started = time.monotonic()
            fill(organization, month_start(this_month, -number), rows, payer)
            report("pages_load_month", time.monotonic() - started, "s")
        started = time.monotonic()
        sums.sum_up(organization)
        report("pages_sum_by_cost_center", time.monotonic() - started, "s")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    sizes(rows)
    queries(organization, month_start(this_month, -11), month_start(this_month, 1))
    pages(month_start(this_month, -11), month_start(this_month, 1))


def sizes(rows: int) -> None:
    """Report what a daily row takes on disk, with everything that is stored besides it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
            " WHERE inhparent::regclass::text LIKE 'billing\\_%'"
        )
        (size,) = cursor.fetchone()
    report("pages_bytes_per_daily_row", float(size) / (12 * rows), "B")


def queries(organization: Organization, start: dt.date, end: dt.date) -> None:
    """Report the database's time of the whole list of every group-by over the year."""
    for granularity in (Granularity.MONTHLY, Granularity.DAILY):
        others = ONLY_BY_MONTH if granularity == Granularity.MONTHLY else ()
        for groups in (*GROUPS, *others):
            query = CostQuery(start, end, granularity, group_by=groups, limit=500)
            _report_query(organization, f"{granularity}_{'+'.join(groups)}", query)


def _report_query(organization: Organization, name: str, query: CostQuery) -> None:
    statement = _statement(organization, query)
    _report(f"list_{name}", lambda: _rows(statement))
    if os.environ.get("EXPLAIN"):
        plan = _rows(Statement.of("EXPLAIN (ANALYZE, BUFFERS) {}", statement))
        print(f"-- {name}", *(line for (line,) in plan), sep="\n", file=sys.stderr, flush=True)


def _statement(organization: Organization, query: CostQuery) -> Statement:
    what = counted(organization, query.start, query.end)
    derived = derivations(query, what, "USD")
    return cost_statement(query, what, "USD", derived, limit=query.limit)


def _rows(statement: Statement) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        return list(cursor.fetchall())


def pages(start: dt.date, end: dt.date) -> None:
    """Report whole pages, from the request to the last byte."""
    client = Client()
    client.force_login(User.objects.get(username="reader"))
    asked = {"year": f"from={start}&to={end}", "closed": f"{month_start(end, -2):%Y-%m}"}
    for name, address in (*PAGES, *_explored()):

        def get(address: str = address) -> None:
            answer = client.get(
                f"/o/bench/{address.format(**asked)}", HTTP_HOST="localhost", secure=True
            )
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}.")

        _report_page(name, get)


def _explored() -> Iterator[tuple[str, str]]:
    """Yield the explorer's pages over the year: names and addresses."""
    for granularity in (Granularity.MONTHLY, Granularity.DAILY):
        others = ONLY_BY_MONTH if granularity == Granularity.MONTHLY else ()
        for groups in (*GROUPS, *others):
            by = "&".join(f"group_by={name}" for name in groups)
            address = f"explore/?{{year}}&granularity={granularity}&{by}"
            yield f"explore_{granularity}_{'+'.join(groups)}", address


def _report(name: str, work: Callable[[], object]) -> None:
    """Report the 95th percentile of the seconds, and the median under its own name."""
    work()  # what a process does once (modules, templates, plans) is no question's
    _report_all(name, [_seconds(work) for _ in range(TIMES)])


def _report_page(name: str, get: Callable[[], object]) -> None:
    """Report what a page takes, and what its statements take in the database."""
    get()
    pages, statements = [], []
    for _ in range(TIMES):
        with _statements() as taken:
            pages.append(_seconds(get))
        statements.append(sum(taken))
    _report_all(f"page_{name}", pages)
    _report_all(f"page_{name}_database", statements)


@contextmanager
def _statements() -> Iterator[list[float]]:
    """Give the list of what each statement will have taken."""
    taken: list[float] = []

    def timed(execute: Callable[..., object], *arguments: object) -> object:
        started = time.monotonic()
        try:
            return execute(*arguments)
        finally:
            taken.append(time.monotonic() - started)

    with connection.execute_wrapper(timed):
        yield taken


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _report_all(name: str, taken: list[float]) -> None:
    report(name, statistics.quantiles(taken, n=20, method="inclusive")[-1], "s")
    report(f"{name}_median", statistics.median(taken), "s")


if __name__ == "__main__":
    main(int(os.environ.get("DAILY_ROWS") or 1_000_000))
