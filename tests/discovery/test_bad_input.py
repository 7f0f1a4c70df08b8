"""Accounts that refuse, hang, are empty, or name things as nobody would."""

import pytest
from botocore.config import Config

from connections.aws.session import SURVEYING
from discovery import services
from discovery.collectors import COLLECTORS
from discovery.collectors.base import tags_of
from discovery.collectors.ebs_volumes import EBS_VOLUMES
from discovery.collectors.ec2_instances import EC2_INSTANCES
from discovery.collectors.elastic_ips import ELASTIC_IPS
from discovery.models import Resource
from organizations.access import Role
from organizations.runs import ErrorClass, RunState
from tests.cast import Cast
from tests.discovery.world import REGION, World

pytestmark = pytest.mark.django_db


def test_without_any_permission_the_run_fails_in_a_sentence_and_nothing_goes(world: World) -> None:
    volume = world.volume()
    world.discover(EBS_VOLUMES)
    world.allow(["sts:GetCallerIdentity"])
    run = world.discover()
    assert (run.state, run.error_class) == (RunState.FAILED, ErrorClass.PERMISSION)
    assert run.error_message and "IAM" in run.error_hint
    assert world.resource(volume).gone_at is None


def test_an_account_with_nothing_but_the_portals_user_succeeds(world: World) -> None:
    run = world.discover(*(one for one in COLLECTORS if one.family != "security_groups"))
    assert (run.state, run.warnings) == (RunState.SUCCEEDED, [])
    assert set(Resource.objects.values_list("type", flat=True)) <= {"iam_user", "iam_access_key"}


def test_a_region_that_hangs_hurts_only_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = world.volume(), world.volume("us-west-2")
    world.discover(EBS_VOLUMES)
    hasty = SURVEYING.merge(Config(read_timeout=3, retries={"total_max_attempts": 1}))
    monkeypatch.setattr(services, "SURVEYING", hasty)
    world.fault({"action": "DescribeVolumes", "region": "us-west-2", "held": True})
    run = world.discover(EBS_VOLUMES)
    row = run.coverage["ebs_volumes"]
    assert run.state == RunState.SUCCEEDED
    assert {name: cell for name, cell in row.items() if isinstance(cell, str)} == {
        "us-west-2": ErrorClass.TRANSIENT
    }
    assert row[REGION] == 1
    assert world.resource(far).gone_at is None and world.resource(near).gone_at is None
    assert "us-west-2" in " ".join(run.warnings)


def test_of_a_key_that_comes_twice_the_first_value_counts() -> None:
    tags = [{"Key": "Owner", "Value": "ann"}, {"Key": "Owner", "Value": "bob"}, {"Key": "Empty"}]
    assert tags_of({"Tags": tags}) == {"Owner": "ann", "Empty": ""}


def test_odd_names_and_tags_show_as_they_are_everywhere(world: World, cast: Cast) -> None:
    markup, long = '"><script>alert(1)</script>', "日" * 256
    world.instance(**{"Name": markup, "a b&c=d": long})
    unnamed = world.instance()
    world.discover(EC2_INSTANCES)
    browser = cast.browser("victor")
    pages = [
        browser.get("/o/acme/resources/"),
        browser.get("/o/acme/resources/", {"q": markup}),
        browser.get("/o/acme/resources/", {"tag:a b&c=d": long}),
        *(browser.get(f"/o/acme/resources/{one.pk}/") for one in Resource.objects.all()),
    ]
    for page in pages:
        assert page.status_code == 200
        assert "<script>alert(1)" not in page.content.decode()
    assert unnamed in pages[0].content.decode()
    for page in pages[1:3]:
        assert "&lt;script&gt;alert(1)" in page.content.decode()
        assert unnamed not in page.content.decode()
    told = cast.api(Role.VIEWER).get("/api/v1/resources/", {"q": "日日日"})
    assert told.json()["count"] == 0  # tags are not searched, names are
    file = b"".join(browser.get("/o/acme/resources/", {"format": "csv"}).streaming_content)
    assert long in file.decode() and markup.replace('"', '""') in file.decode()


def test_an_answer_that_cannot_be_read_hurts_only_its_place_and_is_said(world: World) -> None:
    kept = world.volume()
    world.discover(EBS_VOLUMES)
    world.fault({"service": "ec2", "action": "DescribeVolumes", "truncate_to": 60})
    run = world.discover(EBS_VOLUMES, ELASTIC_IPS)
    assert "cannot be read" in " ".join(run.warnings)
    assert "portal failed" not in " ".join(run.warnings)
    assert world.resource(kept).gone_at is None
