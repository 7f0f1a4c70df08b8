"""Findings: what each rule sees, what becomes of findings, and who may dismiss them."""

import csv
import io
import zipfile
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from connections.models import AuthMethod, Connection, ConnectionKind
from connections.resource_costs import ResourceCost, ResourceKey
from discovery import finding_services
from discovery.models import (
    DiscoveryRun,
    DiscoveryScope,
    Finding,
    FindingThresholds,
    Resource,
    ResourceChange,
)
from organizations.access import Role
from organizations.dismissal import dismiss
from organizations.models import AuditEvent, Organization
from organizations.runs import RunState, Trigger
from tests.cast import Cast

pytestmark = pytest.mark.django_db

ACCOUNT = "111122223333"
REGION = "eu-west-1"
LONG_AGO = datetime(2020, 1, 5, 10, 20, 30, tzinfo=UTC)
LONG_AGO_TEXT = "2020-01-05T10:20:30Z"
URL = "/api/v1/findings/"


class Bill:
    """A bill that tests write; it answers what billing would."""

    def __init__(self) -> None:
        self.costs: dict[ResourceKey, ResourceCost] = {}
        self.days: set[int] = set()

    def write(self, resource_id: str, amount: str, currency: str = "USD") -> None:
        self.costs[ResourceKey(ACCOUNT, resource_id)] = ResourceCost(Decimal(amount), currency)

    def __call__(
        self, organization: Organization, *, start: Any, end: Any, keys: Collection[ResourceKey]
    ) -> dict[ResourceKey, ResourceCost]:
        self.days.add((end - start).days)
        return {key: self.costs[key] for key in keys if key in self.costs}


@pytest.fixture(autouse=True)
def bill(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bill]:
    made = Bill()
    monkeypatch.setattr("billing.resource_costs.resource_costs", made)
    yield made


@pytest.fixture
def account(cast: Cast) -> Connection:
    """Acme's account, of which every family has answered completely."""
    connection = Connection.objects.create(
        organization=cast.acme,
        name="Payer",
        kind=ConnectionKind.ROOT,
        account_id=ACCOUNT,
        auth_method=AuthMethod.AMBIENT,
    )
    run = DiscoveryRun.objects.create(
        connection=connection, trigger=Trigger.MANUAL, state=RunState.SUCCEEDED
    )
    for family in ("ebs_volumes", "ec2_images", "target_groups"):
        DiscoveryScope.objects.create(
            connection=connection, region=REGION, family=family, run=run, is_complete=True
        )
    return connection


Make = Callable[..., Resource]


@pytest.fixture
def make(account: Connection) -> Make:
    """Return a function that makes a resource of Acme, first seen long ago."""

    def resource(kind: str, resource_id: str, **values: Any) -> Resource:
        defaults: dict[str, Any] = {
            "organization": account.organization,
            "account_id": ACCOUNT,
            "region": REGION,
            "family": kind,
            "cost_id": resource_id,
            "fingerprint": "1",
            "first_seen": LONG_AGO,
            "last_seen": LONG_AGO,
        }
        return Resource.objects.create(type=kind, resource_id=resource_id, **{**defaults, **values})

    return resource


def found(account: Connection) -> dict[str, str]:
    """Look anew; return {resource id: rule} of what is open."""
    finding_services.find(account)
    rows = Finding.objects.filter(closed_at=None).values_list("resource__resource_id", "rule")
    return dict(rows)


def test_a_volume_is_found_when_it_is_unattached_for_long(
    account: Connection, make: Make, bill: Bill
) -> None:
    make("ebs_volume", "vol-free", state="available", attributes={"size_gib": 8})
    make("ebs_volume", "vol-used", state="in-use")
    make("ebs_volume", "vol-new", state="available", first_seen=timezone.now())
    just_now = make("ebs_volume", "vol-just-now", state="available")
    ResourceChange.objects.create(
        resource=just_now, at=timezone.now(), field="state", before="in-use", after="available"
    )
    bill.write("vol-free", "0.8000000000000000000000000001")
    assert found(account) == {"vol-free": "unattached_volumes"}
    one = Finding.objects.get()
    assert one.evidence == "8 GiB attached to no instance, so since 5 January 2020 at least."
    assert one.since == LONG_AGO
    assert (one.monthly_cost, one.currency) == (Decimal("0.8000000000000000000000000001"), "USD")
    assert bill.days == {30}


def test_an_address_is_found_when_nothing_uses_it(account: Connection, make: Make) -> None:
    make("elastic_ip", "eipalloc-1", state="unassociated", attributes={"public_ip": "192.0.2.1"})
    make("elastic_ip", "eipalloc-2", state="associated")
    assert found(account) == {"eipalloc-1": "free_addresses"}
    assert Finding.objects.get().monthly_cost is None


def test_load_balancers_without_targets_are_found(account: Connection, make: Make) -> None:
    for name in ("none", "empty", "used", "half", "unknown"):
        make(
            "load_balancer", f"app/{name}/1", arn=f"arn:{name}", attributes={"kind": "application"}
        )
    make("load_balancer", "old-empty", attributes={"kind": "classic"})
    make("load_balancer", "old-used", attributes={"kind": "classic", "instances": ["i-1"]})

    def group(name: str, *balancers: str, **attributes: Any) -> None:
        arns = [f"arn:{one}" for one in balancers]
        make("target_group", name, name=name, attributes={"load_balancers": arns, **attributes})

    group("g1", "empty", "half", targets={})
    group("g2", "half", "used", targets={"unhealthy": 1})
    group("g3", "unknown", unknown=["targets"])
    rule = "idle_load_balancers"
    assert found(account) == {"app/none/1": rule, "app/empty/1": rule, "old-empty": rule}


def test_an_instance_stopped_for_long_costs_what_its_volumes_cost(
    account: Connection, make: Make, bill: Bill
) -> None:
    reason = "User initiated (2020-01-05 10:20:30 GMT)"
    seen_now = {"state": "stopped", "first_seen": timezone.now()}
    make(
        "ec2_instance",
        "i-stopped",
        attributes={"state_reason": reason, "volumes": ["vol-1", "vol-2"]},
        **seen_now,
    )
    make("ec2_instance", "i-new", attributes={}, **seen_now)
    make(
        "ec2_instance",
        "i-odd",
        attributes={"state_reason": "(2020-13-45 10:20:30 GMT)"},
        **seen_now,
    )
    make("ec2_instance", "i-running", state="running")
    bill.write("vol-1", "1.25")
    bill.write("vol-2", "2.50")
    assert found(account) == {"i-stopped": "stopped_instances"}
    one = Finding.objects.get()
    assert (one.since, one.monthly_cost) == (LONG_AGO, Decimal("3.75"))


def snapshots(make: Make) -> None:
    make("ebs_volume", "vol-1", state="in-use")
    make("ebs_volume", "vol-gone", state="available", gone_at=LONG_AGO)
    make("ec2_image", "ami-1", attributes={"snapshots": ["snap-image"]})
    old = {"started_at": LONG_AGO_TEXT}
    make("ebs_snapshot", "snap-volume", attributes={"volume_id": "vol-1", **old})
    make("ebs_snapshot", "snap-image", attributes={"volume_id": "vol-x", **old})
    make("ebs_snapshot", "snap-lost", attributes={"volume_id": "vol-gone", **old})
    new = {"started_at": timezone.now().isoformat()}
    make("ebs_snapshot", "snap-new", attributes={"volume_id": "vol-gone", **new})


def test_old_snapshots_without_volume_and_image_are_found(account: Connection, make: Make) -> None:
    snapshots(make)
    assert found(account) == {"snap-lost": "old_snapshots"}


def test_where_volumes_could_not_be_seen_no_snapshot_is_called_lost(
    account: Connection, make: Make
) -> None:
    snapshots(make)
    DiscoveryScope.objects.filter(family="ebs_volumes").update(is_complete=False)
    assert found(account) == {}


def test_public_buckets_are_found_unless_access_is_blocked(account: Connection, make: Make) -> None:
    def bucket(name: str, **attributes: Any) -> None:
        make("s3_bucket", name, attributes=attributes)

    bucket("policy", policy_is_public=True, public_access_block={"RestrictPublicBuckets": False})
    bucket("blocked", policy_is_public=True, public_access_block={"RestrictPublicBuckets": True})
    bucket("acl", public_grants=["READ"], public_access_block={})
    bucket("ignored", public_grants=["READ"], public_access_block={"IgnorePublicAcls": True})
    bucket("private", policy_is_public=False, public_grants=[])
    whole = {"RestrictPublicBuckets": True, "IgnorePublicAcls": True}
    bucket(
        "in-a-closed-account",
        policy_is_public=True,
        public_grants=["READ"],
        public_access_block={},
        account_public_access_block=whole,
    )
    bucket("unknown", policy_is_public=True, unknown=["public_access_block"])
    assert found(account) == {"policy": "public_buckets", "acl": "public_buckets"}
    assert "the account's" in Finding.objects.get(resource__resource_id="acl").evidence


def test_security_groups_open_to_everybody_are_found(account: Connection, make: Make) -> None:
    def group(name: str, *rules: dict[str, Any]) -> None:
        told = [{"source": "0.0.0.0/0", **rule} for rule in rules]
        make("security_group", name, attributes={"open_to_everywhere": told})

    group("sg-ssh", {"protocol": "tcp", "from_port": 20, "to_port": 25})
    group("sg-web", {"protocol": "tcp", "from_port": 443, "to_port": 443})
    group("sg-all", {"protocol": "-1"})
    group("sg-ping", {"protocol": "icmp", "from_port": 8, "to_port": -1})
    assert set(found(account)) == {"sg-ssh", "sg-all"}
    said = Finding.objects.get(resource__resource_id="sg-ssh").evidence
    assert said == "Open to the internet: ports 22, 23 to 0.0.0.0/0."


def test_unused_users_and_keys_are_found(account: Connection, make: Make) -> None:
    now = timezone.now().isoformat()
    old = {"created_at": LONG_AGO_TEXT}

    def user(name: str, **attributes: Any) -> None:
        make("iam_user", name, region="global", attributes={**old, **attributes})

    def key(name: str, owner: str, state: str = "Active", **attributes: Any) -> None:
        facts = {"user": owner, **old, **attributes}
        make("iam_access_key", name, region="global", state=state, attributes=facts)

    user("idle")
    user("signs-in", password_last_used_at=now)
    user("by-key")
    user("unknown")
    user("young", created_at=now)
    key("AKIA-USED", "by-key", last_used_at=now)
    key("AKIA-OLD", "by-key", last_used_at=LONG_AGO_TEXT)
    key("AKIA-OFF", "by-key", state="Inactive")
    key("AKIA-UNKNOWN", "unknown", unknown=["last_used_at"])
    assert found(account) == {"idle": "unused_users", "AKIA-OLD": "unused_keys"}


def test_a_finding_that_holds_no_more_is_closed_and_another_opens_when_it_does_again(
    account: Connection, make: Make
) -> None:
    volume = make("ebs_volume", "vol-1", state="available")
    found(account)
    first = Finding.objects.get()
    dismiss(first, "kept for the audit")
    found(account)
    assert Finding.objects.get().dismissed_reason == "kept for the audit"
    Resource.objects.filter(pk=volume.pk).update(state="in-use")
    assert found(account) == {}
    first.refresh_from_db()
    assert first.closed_at is not None
    Resource.objects.filter(pk=volume.pk).update(state="available")
    assert found(account) == {"vol-1": "unattached_volumes"}
    second = Finding.objects.get(closed_at=None)
    assert second.pk != first.pk
    assert second.dismissed_at is None


def test_a_finding_stays_while_it_cannot_be_judged_and_closes_when_its_resource_goes(
    account: Connection, make: Make
) -> None:
    snapshots(make)
    found(account)
    DiscoveryScope.objects.update(is_complete=False)
    Resource.objects.filter(resource_id="vol-gone").update(gone_at=None, state="in-use")
    assert found(account) == {"snap-lost": "old_snapshots"}
    Resource.objects.filter(resource_id="snap-lost").update(gone_at=timezone.now())
    assert found(account) == {}


def test_nothing_is_written_when_nothing_changed(account: Connection, make: Make) -> None:
    balancer = make("load_balancer", "old", attributes={"kind": "classic"})
    found(account)
    before = Finding.objects.values().get(resource=balancer)
    found(account)
    assert Finding.objects.values().get(resource=balancer) == before


def test_thresholds_are_the_organizations_own(cast: Cast, account: Connection, make: Make) -> None:
    make("ebs_volume", "vol-1", state="available", first_seen=timezone.now() - timedelta(days=3))
    assert found(account) == {}
    page = f"/o/{cast.acme.slug}/findings/thresholds/"
    form = {
        "unattached_days": 2,
        "stopped_days": 30,
        "snapshot_days": 90,
        "unused_days": 90,
        "idle_days": 7,
        "idle_cpu_percent": "2.5",
        "idle_network_mb": 10,
        "sensitive_ports": "22, 3389",
    }
    browser = cast.browser("fiona")
    assert browser.get(page).status_code == 200
    assert browser.post(page, {**form, "sensitive_ports": "22,x"}).status_code == 400
    for name, wrong in (("unattached_days", "9999"), ("idle_days", "15"), ("idle_days", "0")):
        assert browser.post(page, {**form, name: wrong}).status_code == 400
    assert browser.post(page, form).status_code == 302
    thresholds = FindingThresholds.objects.get(organization=cast.acme)
    assert (thresholds.unattached_days, thresholds.sensitive_ports) == (2, [22, 3389])
    assert Finding.objects.filter(closed_at=None).count() == 1
    event = AuditEvent.objects.get(action="finding_thresholds.changed")
    assert event.changes["unattached_days"] == [7, 2]
    assert event.changes["idle_cpu_percent"] == ["3", "2.5"]


def test_the_api_lists_what_costs_most_first(
    cast: Cast, account: Connection, make: Make, bill: Bill
) -> None:
    for number in (1, 2, 3):
        make("ebs_volume", f"vol-{number}", state="available", name=f"<b>{number}</b>")
    make(
        "security_group",
        "sg-1",
        attributes={"open_to_everywhere": [{"protocol": "-1", "source": "::/0"}]},
    )
    bill.write("vol-2", "10.50")
    bill.write("vol-3", "100")
    found(account)
    api = cast.api(Role.VIEWER)
    results = api.get(URL).json()["results"]
    listed = [(one["resource"]["resource_id"], one["monthly_cost"]) for one in results]
    assert listed[:2] == [("vol-3", "100"), ("vol-2", "10.5")]
    assert set(listed[2:]) == {("vol-1", None), ("sg-1", None)}
    only = api.get(URL, {"kind": "security"}).json()["results"]
    assert [one["rule"] for one in only] == ["open_security_groups"]
    assert api.get(URL, {"rule": "free_addresses"}).json()["count"] == 0
    assert api.get(URL, {"region": "us-east-1"}).json()["count"] == 0
    for name, value in (("rule", "x"), ("kind", "x"), ("state", "x"), ("account", "1"), ("o", "1")):
        answer = api.get(URL, {name: value})
        assert (answer.status_code, [*answer.json()["errors"]]) == (400, [name])
    page = cast.browser("victor").get(f"/o/{cast.acme.slug}/findings/").content.decode()
    assert "&lt;b&gt;3&lt;/b&gt;" in page and "<b>3</b>" not in page
    assert page.index("vol-3") < page.index("vol-2") < page.index("vol-1")
    assert "$110.50" in page


def test_a_finding_is_dismissed_with_a_reason_and_comes_back(
    cast: Cast, account: Connection, make: Make
) -> None:
    make("ebs_volume", "vol-1", state="available")
    found(account)
    url = f"{URL}{Finding.objects.get().pk}/dismissal/"
    api = cast.api(Role.FINANCE)
    assert cast.api(Role.VIEWER).post(url, {"reason": "no"}, format="json").status_code == 403
    assert api.post(url, {"reason": " "}, format="json").status_code == 400
    assert api.delete(url).status_code == 400
    assert api.post(url, {"reason": "a backup"}, format="json").json()["state"] == "dismissed"
    assert api.post(url, {"reason": "again"}, format="json").status_code == 400
    assert api.get(URL).json()["count"] == 0
    [told] = api.get(URL, {"state": "dismissed"}).json()["results"]
    assert told["dismissed_reason"] == "a backup"
    assert api.delete(url).json()["state"] == "open"
    actions = AuditEvent.objects.filter(action__startswith="finding.").order_by("pk")
    assert [one.action for one in actions] == ["finding.dismissed", "finding.restored"]


def test_the_page_dismisses_and_restores(cast: Cast, account: Connection, make: Make) -> None:
    make("ebs_volume", "vol-1", state="available")
    found(account)
    here = f"/o/{cast.acme.slug}/findings/"
    one = Finding.objects.get()
    browser = cast.browser("fiona")
    answer = browser.post(
        f"{here}{one.pk}/dismiss/", {"reason": "", "next": "//evil.test/"}, follow=True
    )
    assert answer.redirect_chain == [(here, 302)]
    assert "Say why it is dismissed" in answer.content.decode()
    browser.post(f"{here}{one.pk}/dismiss/", {"reason": "kept", "next": f"{here}?state=all"})
    assert "Nothing to look at" in browser.get(here).content.decode()
    assert "fiona" in browser.get(here, {"state": "dismissed"}).content.decode()
    browser.post(f"{here}{one.pk}/restore/")
    one.refresh_from_db()
    assert (one.dismissed_at, one.dismissed_reason) == (None, "")
    assert browser.get(here, {"state": "x"}).status_code == 400
    assert browser.get(here, {"page": "9"}).status_code == 400


def test_a_file_holds_every_finding_of_the_list_with_its_exact_cost(
    cast: Cast, account: Connection, make: Make, bill: Bill
) -> None:
    for number in range(60):  # more than a page
        make("ebs_volume", f"vol-{number:02}", state="available")
    make("ebs_volume", "vol-evil", state="available", name="=cmd()", region="us-east-1")
    bill.write("vol-07", "12.3400000001")
    found(account)
    dismiss(Finding.objects.get(resource__resource_id="vol-09"), reason="+ours")
    browser = cast.browser("victor")
    page = browser.get("/o/acme/findings/?region=eu-west-1&page=2").content.decode()
    assert 'href="?region=eu-west-1&amp;format=csv"' in page

    answer: Any = browser.get("/o/acme/findings/?region=eu-west-1&state=all&format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))

    assert len(rows) == 60
    assert rows[0]["Id"] == "vol-07"
    assert rows[0]["Amortized cost of the last 30 days"] == "12.3400000001"
    assert {row["Currency"] for row in rows[1:]} == {""}
    [gone] = [row for row in rows if row["Id"] == "vol-09"]
    assert (gone["State"], gone["Reason"]) == ("dismissed", "'+ours")
    event = AuditEvent.objects.get(action="resources.exported")
    assert event.changes == {
        "list": "Findings",
        "format": "csv",
        "query": "region=eu-west-1&state=all",
    }

    book: Any = browser.get("/o/acme/findings/?region=us-east-1&format=xlsx")
    with zipfile.ZipFile(io.BytesIO(b"".join(book.streaming_content))) as parts:
        cells = parts.read("xl/worksheets/sheet1.xml")
        assert b"=cmd()" in cells
        assert b"vol-evil" in cells
        assert b"vol-07" not in cells
        assert b"<f>" not in cells
        assert b"region=us-east-1" in parts.read("xl/worksheets/sheet2.xml")
    assert browser.get("/o/acme/findings/?format=pdf").status_code == 400


def test_another_organization_sees_no_findings(cast: Cast, account: Connection, make: Make) -> None:
    make("ebs_volume", "vol-1", state="available")
    found(account)
    assert cast.api(Role.OWNER, cast.bolt).get(URL).json()["results"] == []
    account.disconnected_at = LONG_AGO
    account.save()
    assert cast.api(Role.VIEWER).get(URL).json()["results"] == []
