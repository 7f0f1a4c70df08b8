"""One of each thing that Acme owns, under names that must never show to anybody else."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.db import models
from django.utils import timezone

from billing.measures import Measure
from billing.models import (
    AlertNotice,
    AllocationRule,
    Anomaly,
    AnomalyLook,
    BillingMonth,
    Budget,
    BudgetAlert,
    BudgetStanding,
    CostCenter,
    Delivery,
    DeliveryAccount,
    DeliveryCost,
    FixedShare,
    ImportRun,
    ReportLetter,
    ReportSchedule,
    SavedReport,
    ServiceName,
)
from connections.models import (
    Account,
    AuthMethod,
    CheckRun,
    Connection,
    ConnectionKind,
    Export,
    ExportSchema,
    ExternalId,
    JobHealth,
    MemberConnecting,
    MemberListing,
)
from discovery.models import (
    DiscoveryRun,
    DiscoveryScope,
    Finding,
    FindingThresholds,
    NotFoundCost,
    Resource,
    ResourceChange,
    ResourceCost,
    ResourceMetrics,
    ResourceType,
)
from organizations.access import Role
from organizations.audit import record
from organizations.models import ApiToken, Membership
from organizations.runs import RunState, Trigger
from tests.cast import Cast

MARK = "zz-acme-only"
ACCOUNT = "987654321098"


@dataclass
class Belongings:
    """The things by model, and their ids for addresses."""

    rows: dict[type[models.Model], Any]
    names: dict[str, Any]
    before: list[Any] = field(default_factory=list, repr=False)

    def of(self, model: type[models.Model]) -> Any:
        """Return Acme's row of this model."""
        return self.rows[model]

    def shown_in(self, text: str) -> bool:
        """Say whether anything of Acme shows in a page."""
        return MARK in text or ACCOUNT in text

    def everything_is_unchanged(self) -> bool:
        """Say whether all rows of Acme are as they were made."""
        return self.before == _state(self.rows)


def _state(rows: dict[type[models.Model], Any]) -> list[Any]:
    """Each row as PostgreSQL writes it, asked for at once."""
    one = "SELECT {0!r}, to_jsonb({0})::text FROM {0} WHERE {1} = %s"
    metas = [model._meta for model in rows]
    parts = [one.format(meta.db_table, meta.pk.column) for meta in metas]  # type: ignore[union-attr]
    with database.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), [row.pk for row in rows.values()])
        return sorted(cursor.fetchall())


@pytest.fixture
def belongings(cast: Cast) -> Belongings:
    """One of each thing of Acme."""
    acme, now = cast.acme, timezone.now()
    connection = Connection.objects.create(
        organization=acme,
        name=f"{MARK} payer",
        kind=ConnectionKind.ROOT,
        account_id=ACCOUNT,
        auth_method=AuthMethod.ACCESS_KEY,
        access_key_id="AKIAACMEONLY",
        secret_access_key="a secret of acme",
    )
    export = Export.objects.create(
        connection=connection,
        schema=ExportSchema.CUR2,
        name=f"{MARK}-export",
        bucket=f"{MARK}-bucket",
        region="eu-west-1",
    )
    delivery = Delivery.objects.create(
        export=export,
        billing_period=date(2026, 10, 1),
        execution_id=f"{MARK}-execution",
        manifest_key=f"{MARK}/manifest.json",
        manifest_etag="1",
        state="loaded",
    )
    finished: dict[str, Any] = {
        "connection": connection,
        "trigger": Trigger.MANUAL,
        "state": RunState.SUCCEEDED,
        "finished_at": now,
        "requested_by": f"{MARK} person",
    }
    discovery = DiscoveryRun.objects.create(**finished)
    resource = Resource.objects.create(
        organization=acme,
        account_id=ACCOUNT,
        region="eu-west-1",
        type=ResourceType.EC2_INSTANCE,
        family="ec2_instances",
        resource_id=f"i-{MARK}",
        cost_id=f"i-{MARK}",
        name=f"{MARK} instance",
        fingerprint="1",
        first_seen=now,
        last_seen=now,
    )
    center = CostCenter.objects.create(organization=acme, code=f"{MARK}-center", name=f"{MARK}")
    report = SavedReport.objects.create(
        organization=acme, owner=cast.olivia, name=f"{MARK} report", query="", is_shared=True
    )
    schedule = ReportSchedule.objects.create(
        report=report, owner=cast.olivia, starts_on=date(2026, 10, 1)
    )
    budget = Budget.objects.create(
        organization=acme,
        name=f"{MARK} budget",
        amount=Decimal(100),
        currency="USD",
        thresholds=[{"percent": 80, "basis": "actual"}],
        recipients=[f"{MARK}@example.com"],
    )
    period: dict[str, Any] = {
        "period_start": now.date().replace(day=1),
        "period_end": (now.date().replace(day=1) + timedelta(days=32)).replace(day=1),
        "budget_amount": budget.amount,
        "actual": Decimal(90),
    }
    alert = BudgetAlert.objects.create(
        budget=budget, revision=1, percent=80, basis="actual", currency="USD", **period
    )
    made = [
        center,
        FixedShare.objects.create(
            center=CostCenter.objects.create(
                organization=acme, code=f"{MARK}-shared", name=MARK, split="fixed"
            ),
            target=center,
            percent=100,
        ),
        AllocationRule.objects.create(
            organization=acme,
            position=1,
            center=center,
            conditions=[{"on": "account", "operator": "is", "values": [ACCOUNT]}],
        ),
        report,
        schedule,
        ReportLetter.objects.create(
            schedule=schedule, due_on=date(2026, 10, 1), recipient=cast.olivia
        ),
        connection,
        export,
        delivery,
        discovery,
        Membership.objects.get(user=cast.victor),
        ApiToken.objects.create(
            organization=acme, name=f"{MARK} token", role=Role.VIEWER, digest="0" * 64
        ),
        record("thing.seen", organization=acme, obj=connection),
        ExternalId.objects.create(organization=acme, value=f"{MARK}-external"),
        Account.objects.create(organization=acme, account_id=ACCOUNT, name=f"{MARK} account"),
        JobHealth.objects.create(
            connection=connection,
            job="import",
            is_ok=False,
            since=now,
            message=f"{MARK} trouble",
            last_run_at=now,
        ),
        CheckRun.objects.create(**finished),
        MemberListing.objects.create(**finished),
        MemberConnecting.objects.create(**finished, account_ids=[ACCOUNT]),
        DeliveryAccount.objects.create(
            delivery=delivery,
            account_id=ACCOUNT,
            payer_account_id=ACCOUNT,
            currency="USD",
            unblended_cost=Decimal("12.5"),
            line_items=3,
        ),
        DeliveryCost.objects.create(
            delivery=delivery,
            account_id=ACCOUNT,
            service=f"{MARK} EC2",
            charge_type="Usage",
            currency="USD",
            **dict.fromkeys(Measure.values, Decimal("12.5")),
        ),
        BillingMonth.objects.create(
            connection=connection, billing_period=date(2026, 10, 1), delivery=delivery
        ),
        ServiceName.objects.create(organization=acme, code="AmazonEC2", name=f"{MARK} EC2"),
        ImportRun.objects.create(**finished, export=export, billing_period=date(2026, 10, 1)),
        DiscoveryScope.objects.create(
            connection=connection,
            region="eu-west-1",
            family=f"{MARK}-family",
            run=discovery,
            is_complete=True,
        ),
        budget,
        alert,
        BudgetStanding.objects.create(budget=budget, data_from=date(2026, 1, 1), **period),
        AlertNotice.objects.create(
            budget=budget,
            alert=alert,
            channel="mail",
            target=f"{MARK}@example.com",
            due_at=now,
        ),
        Anomaly.objects.create(
            organization=acme,
            day=date(2026, 10, 5),
            account_id=ACCOUNT,
            service=f"{MARK} service",
            currency="USD",
            metric="unblended_cost",
            actual=Decimal(90),
            expected=Decimal(10),
            impact=Decimal(80),
        ),
        AnomalyLook.objects.create(organization=acme, looked_as=MARK),
        resource,
        ResourceChange.objects.create(
            resource=resource, at=now, field="tag:Owner", before=None, after=f"{MARK} ann"
        ),
        ResourceCost.objects.create(
            resource=resource, month=now.date().replace(day=1), amount=1, currency="USD"
        ),
        ResourceMetrics.objects.create(
            resource=resource, first_day=now.date(), values={"cpu": [1.5]}, measured_at=now
        ),
        NotFoundCost.objects.create(
            organization=acme,
            month=now.date().replace(day=1),
            account_id=ACCOUNT,
            service=f"{MARK}-service",
            reason="no_id",
            ids=0,
            amount=1,
            currency="USD",
        ),
        Finding.objects.create(
            organization=acme,
            resource=resource,
            rule="stopped_instances",
            evidence=f"{MARK} stopped",
            since=now,
            found_at=now,
        ),
        FindingThresholds.objects.create(organization=acme, stopped_days=3),
    ]
    rows = {type(row): row for row in made}
    names = {"organization": acme.slug} | {
        row._meta.model_name: row.pk for row in made if row._meta.model_name
    }
    return Belongings(rows=rows, names=names, before=_state(rows))
