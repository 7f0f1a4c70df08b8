"""Every form in which bills name resources leads to the resource, and its page tells all of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from connections.models import Connection, ConnectionKind
from connections.resource_costs import normalised_id
from discovery import cost_services
from discovery.models import NotFoundCost, Resource, ResourceCost
from organizations.access import Role
from tests.billing.cost_facts import Item, connect, deliver
from tests.cast import Cast

pytestmark = pytest.mark.django_db

A, R = "111122223333", "eu-west-1"
EC2, ELB = f"arn:aws:ec2:{R}:{A}", f"arn:aws:elasticloadbalancing:{R}:{A}"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
Make = Callable[..., Resource]

# What is found (type, id, ARN), and the way in which a bill names it.
FORMS = [
    ("ec2_instance", "i-0f2dead076354a419", f"{EC2}:instance/i-0f2dead076354a419", "bare"),
    ("ec2_instance", "i-0f2dead076354a419", f"{EC2}:instance/i-0f2dead076354a419", "arn"),
    ("ebs_volume", "vol-0e0f798611a512ef4", f"{EC2}:volume/vol-0e0f798611a512ef4", "bare"),
    ("ebs_snapshot", "snap-1", f"{EC2}:snapshot/snap-1", "arn"),
    ("s3_bucket", "my-bucket", "arn:aws:s3:::my-bucket", "bare"),
    ("s3_bucket", "my-bucket", "arn:aws:s3:::my-bucket", "arn"),
    ("load_balancer", "app/web/50dc6c495c", f"{ELB}:loadbalancer/app/web/50dc6c495c", "arn"),
    ("load_balancer", "net/web/50dc6c495c", f"{ELB}:loadbalancer/net/web/50dc6c495c", "arn"),
    ("load_balancer", "gwy/web/50dc6c495c", f"{ELB}:loadbalancer/gwy/web/50dc6c495c", "arn"),
    ("load_balancer", "web", f"{ELB}:loadbalancer/web", "arn"),
    ("elastic_ip", "eipalloc-1", f"{EC2}:elastic-ip/eipalloc-1", "arn"),
    ("network_interface", "eni-1", f"{EC2}:network-interface/eni-1", "arn"),
    ("nat_gateway", "nat-1", f"{EC2}:natgateway/nat-1", "arn"),
]


@pytest.fixture
def payer(cast: Cast) -> Connection:
    return connect(cast.acme, A, ConnectionKind.ROOT)


@pytest.fixture
def make(cast: Cast, payer: Connection) -> Make:
    """Return a function that makes a resource as its collector would."""

    def resource(kind: str, resource_id: str, arn: str, **values: Any) -> Resource:
        return Resource.objects.create(
            organization=cast.acme,
            account_id=A,
            region=R,
            type=kind,
            family=kind,
            resource_id=resource_id,
            arn=arn,
            cost_id=normalised_id(arn),
            fingerprint="1",
            first_seen=FIRST,
            last_seen=FIRST,
            **values,
        )

    return resource


def item(resource: str, cost: str, **given: Any) -> Item:
    today = timezone.now().date()
    return Item(A, today, Decimal(cost), resource=resource, region=R, **given)


def month() -> Any:
    return timezone.now().date().replace(day=1)


@pytest.mark.parametrize("named", FORMS)
def test_each_form_of_id_on_the_bill_leads_to_its_resource(
    cast: Cast, payer: Connection, make: Make, named: tuple[str, str, str, str]
) -> None:
    kind, resource_id, arn, form = named
    made = make(kind, resource_id, arn)
    billed = arn if form == "arn" else resource_id
    one = item(billed, "1.25")
    deliver(payer, month(), [one, item("", "9"), item(f"{billed}x", "7")])
    cost_services.refresh(cast.acme)
    [cost] = ResourceCost.objects.all()
    assert (cost.resource, cost.amount) == (made, one.measure("amortized_cost"))
    amounts = sorted(row.amount for row in NotFoundCost.objects.all())
    assert amounts == sorted(item("", two).measure("amortized_cost") for two in ("9", "7"))


def test_a_resource_that_is_named_in_two_ways_has_one_cost(
    cast: Cast, payer: Connection, make: Make
) -> None:
    arn = f"{EC2}:instance/i-1"
    make("ec2_instance", "i-1", arn)
    usage = item("i-1", "1")
    marketplace = item(arn, "2", service="7k2software", usage_type="SoftwareUsage")
    traffic = item("i-1", "4", usage_type="DataTransfer-Out-Bytes")
    deliver(payer, month(), [usage, marketplace, traffic])
    cost_services.refresh(cast.acme)
    assert ResourceCost.objects.get().amount == item("", "7").measure("amortized_cost")


@pytest.mark.parametrize(
    "belonging",
    [
        ("ec2_instance", "i-1", {"volumes": ["vol-9"]}, "vol-9", "volume of this instance"),
        ("ec2_image", "ami-1", {"snapshots": ["snap-9"]}, f"{EC2}:snapshot/snap-9", "snapshot"),
        (
            "elastic_ip",
            "eipalloc-1",
            {"network_interface_id": "eni-9"},
            f"{EC2}:network-interface/eni-9",
            "interface that uses this address",
        ),
    ],
)
def test_what_is_billed_under_other_ids_is_told_beside_its_own(
    cast: Cast,
    payer: Connection,
    make: Make,
    belonging: tuple[str, str, dict[str, Any], str, str],
) -> None:
    kind, resource_id, attributes, other, why = belonging
    made = make(kind, resource_id, f"{EC2}:thing/{resource_id}", attributes=attributes)
    deliver(payer, month(), [item(resource_id, "1"), item(other, "3")])
    told = cast.api(Role.VIEWER).get(f"/api/v1/resources/{made.pk}/").json()["costs"]
    [costs] = told
    parts = {one["id"]: (one["relation"], Decimal(one["month_to_date"])) for one in costs["parts"]}
    own = item("", "1").measure("amortized_cost")
    assert Decimal(costs["month_to_date"]) == own
    assert parts[resource_id] == ("", own)
    relation, amount = parts[normalised_id(other)]
    assert why in relation and amount == item("", "3").measure("amortized_cost")


def test_snapshots_of_a_volume_and_interfaces_of_an_instance_are_found_by_what_they_name(
    cast: Cast, payer: Connection, make: Make
) -> None:
    volume = make("ebs_volume", "vol-1", f"{EC2}:volume/vol-1")
    make("ebs_snapshot", "snap-1", f"{EC2}:snapshot/snap-1", attributes={"volume_id": "vol-1"})
    instance = make("ec2_instance", "i-1", f"{EC2}:instance/i-1")
    interface = f"{EC2}:network-interface/eni-1"
    make("network_interface", "eni-1", interface, attributes={"instance_id": "i-1"})
    deliver(payer, month(), [item(f"{EC2}:snapshot/snap-1", "1"), item(interface, "1")])
    for resource, other in ((volume, "snap-1"), (instance, "eni-1")):
        page = cast.browser("victor").get(f"/o/acme/resources/{resource.pk}/")
        assert page.status_code == 200 and other in page.content.decode()


def test_daily_costs_come_from_the_first_day_of_last_month_on(
    cast: Cast, payer: Connection, make: Make
) -> None:
    made = make("ec2_instance", "i-1", f"{EC2}:instance/i-1")
    today = timezone.now().date()
    items = [Item(A, today, Decimal(n), resource="i-1", region=R) for n in (1, 2)]
    deliver(payer, month(), items)
    [costs] = cast.api(Role.VIEWER).get(f"/api/v1/resources/{made.pk}/").json()["costs"]
    assert {day: Decimal(amount) for day, amount in costs["days"].items()} == {
        today.isoformat(): item("", "3").measure("amortized_cost")
    }
