"""Whole organizations: listing the members and connecting them, over the API."""

import json
from typing import Any

import pytest

from connections import member_connecting, members
from connections.aws.session import external_id_of
from connections.models import Account, Connection, MemberConnecting, MemberListing
from organizations.access import Role
from organizations.runs import RunState, Trigger
from tests.cast import Cast
from tests.connections.company import (
    LISTING,
    NAMES,
    ROLE,
    SECOND,
    THIRD,
    UNITS,
    Company,
    bill_names,
    company,
)
from tests.connections.pretend import MEMBER, PAYER, PretendAccount

__all__ = ["company"]
pytestmark = pytest.mark.django_db


def url(payer: Connection, rest: str = "") -> str:
    return f"/api/v1/connections/{payer.pk}/organization/{rest}"


def listed(payer: Connection) -> MemberListing:
    MemberListing.objects.filter(connection=payer).delete()
    return members.run_listing(members.request_listing(payer, Trigger.MANUAL))


def connect(cast: Cast, payer: Connection, **data: Any) -> Any:
    response = cast.api(Role.OPERATOR).post(url(payer, "connect/"), data, format="json")
    if response.status_code != 202:
        return response
    run = MemberConnecting.objects.get(pk=response.json()["id"])
    member_connecting.run_connecting(run)
    return cast.api(Role.OPERATOR).get(url(payer, f"connect/{run.pk}/"))


def outcomes(response: Any) -> dict[str, tuple[str, str]]:
    assert response.status_code == 200, response.json()
    return {row["account_id"]: (row["state"], row["message"]) for row in response.json()["results"]}


class TestListing:
    def test_connecting_a_payer_starts_a_listing(self, company: Company) -> None:
        run = MemberListing.objects.get(connection=company.payer)
        assert run.state == RunState.QUEUED
        assert run.trigger == Trigger.CONNECT

    def test_members_come_with_names_units_and_status_but_no_addresses(
        self, cast: Cast, company: Company
    ) -> None:
        run = listed(company.payer)
        assert run.state == RunState.SUCCEEDED, run.error
        assert run.members == 4
        response = cast.api(Role.OPERATOR).get(url(company.payer))
        said = response.json()
        assert {one["account_id"]: one["name"] for one in said["members"]} == NAMES
        assert {one["account_id"]: one["organizational_unit"] for one in said["members"]} == UNITS
        assert {one["status"] for one in said["members"]} == {"ACTIVE"}
        assert not any(one["connected"] for one in said["members"])
        assert said["aws_organization_id"].startswith("o-")
        kept = json.dumps(list(Account.objects.values()))
        assert "hidden.example" not in response.content.decode() + kept

    def test_a_member_that_left_keeps_its_name_and_loses_its_status(
        self, cast: Cast, company: Company
    ) -> None:
        gone = bill_names(cast, "999900001111", name="gone")
        Account.objects.update(status="ACTIVE", organizational_unit="Workloads")
        listed(company.payer)
        gone.refresh_from_db()
        assert (gone.name, gone.status, gone.organizational_unit) == ("gone", "", "")

    def test_without_the_permission_for_units_the_members_come_with_a_warning(
        self, company: Company
    ) -> None:
        company.aws.allow("portal", *LISTING[:2])
        run = listed(company.payer)
        assert run.state == RunState.SUCCEEDED
        assert "organizations:ListRoots" in run.warnings[0]
        assert Account.objects.get(account_id=MEMBER).organizational_unit == ""

    def test_without_any_permission_it_is_said_and_the_connection_stays_as_it_is(
        self, company: Company
    ) -> None:
        company.aws.allow("portal", "s3:*")
        status = company.payer.status
        run = listed(company.payer)
        assert run.state == RunState.FAILED
        assert "organizations:DescribeOrganization" in run.error_message
        assert PAYER in run.error_message
        company.payer.refresh_from_db()
        assert company.payer.status == status
        assert company.payer.health.get(job="members").message == run.error_message

    def test_an_account_that_stands_alone_has_no_members(
        self, cast: Cast, company: Company
    ) -> None:
        company.aws.fault(
            service="organizations", action="Describe*", code="AWSOrganizationsNotInUseException"
        )
        run = listed(company.payer)
        assert run.state == RunState.SUCCEEDED
        assert run.aws_organization_id == ""
        assert cast.api(Role.OPERATOR).get(url(company.payer)).json()["members"] == []

    def test_a_linked_account_has_no_organization_page(self, cast: Cast, company: Company) -> None:
        linked = Connection.objects.create(
            organization=cast.acme, name="L", kind="linked", account_id=MEMBER
        )
        assert cast.api(Role.OPERATOR).get(url(linked)).status_code == 404


class TestCostsOnly:
    def test_members_connect_for_costs_only_at_once(self, cast: Cast, company: Company) -> None:
        listed(company.payer)
        response = cast.api(Role.OPERATOR).post(
            url(company.payer, "connect/"), {"account_ids": [MEMBER, THIRD]}, format="json"
        )
        assert response.status_code == 202, response.json()
        assert response.json()["state"] == "succeeded"
        assert {row["state"] for row in response.json()["results"]} == {"connected"}
        made = Connection.objects.get(account_id=MEMBER)
        assert (made.name, made.kind, made.auth_method) == ("shop", "linked", "costs_only")
        assert made.status == "healthy"
        assert "costs only" in made.status_message
        event = cast.acme.audit_events.filter(action="connection.connected").first()
        assert "operator" in event.actor
        said = cast.api(Role.OPERATOR).get(url(company.payer)).json()["members"]
        assert {one["account_id"] for one in said if one["connected"]} == {MEMBER, THIRD}

    def test_nothing_is_asked_of_aws_and_nothing_scheduled(
        self, cast: Cast, company: Company
    ) -> None:
        from django_celery_beat.models import PeriodicTask

        listed(company.payer)
        company.aws.requests()
        connect(cast, company.payer, account_ids=[MEMBER])
        assert company.aws.requests() == {}
        made = Connection.objects.get(account_id=MEMBER)
        assert not PeriodicTask.objects.filter(name__endswith=f" connection {made.pk}").exists()
        client = cast.api(Role.OPERATOR)
        for work in ("check", "discover", "import"):
            refused = client.post(f"/api/v1/connections/{made.pk}/{work}/")
            assert refused.status_code == 404
            assert "costs only" in refused.json()["detail"]

    def test_one_account_connects_for_costs_only_over_the_plain_api(
        self, cast: Cast, company: Company
    ) -> None:
        bill_names(cast, "999900001111")
        client = cast.api(Role.OPERATOR)
        data = {
            "name": "Other",
            "kind": "linked",
            "auth": {"method": "costs_only", "account_id": "999900001111"},
        }
        made = client.post("/api/v1/connections/", data, format="json")
        assert made.status_code == 201, made.json()
        assert made.json()["auth"] == {"method": "costs_only"}
        again = client.post("/api/v1/connections/", {**data, "name": "Two"}, format="json")
        assert again.status_code == 409

    @pytest.mark.parametrize("account_id", ["999900001111", "12", "abc", ""])
    def test_an_account_that_no_payer_names_is_refused(
        self, cast: Cast, company: Company, account_id: str
    ) -> None:
        data = {
            "name": "Other",
            "kind": "linked",
            "auth": {"method": "costs_only", "account_id": account_id},
        }
        response = cast.api(Role.OPERATOR).post("/api/v1/connections/", data, format="json")
        assert response.status_code == 400
        assert "auth.account_id" in response.json()["errors"]

    def test_another_organizations_payer_names_nothing_here(
        self, cast: Cast, company: Company
    ) -> None:
        bill_names(cast, "999900001111")
        data = {
            "name": "Stolen",
            "kind": "linked",
            "auth": {"method": "costs_only", "account_id": "999900001111"},
        }
        response = cast.api(Role.OPERATOR, cast.bolt).post(
            "/api/v1/connections/", data, format="json"
        )
        assert "auth.account_id" in response.json()["errors"]

    def test_a_payer_cannot_be_connected_for_costs_only(self, cast: Cast, company: Company) -> None:
        response = cast.api(Role.OPERATOR).patch(
            f"/api/v1/connections/{company.payer.pk}/",
            {"auth": {"method": "costs_only"}},
            format="json",
        )
        assert "needs credentials" in response.json()["errors"]["auth.method"][0]

    def test_without_its_payer_it_waits_and_says_so(self, cast: Cast, company: Company) -> None:
        listed(company.payer)
        connect(cast, company.payer, account_ids=[MEMBER])
        cast.api(Role.OPERATOR).delete(f"/api/v1/connections/{company.payer.pk}/")
        made = Connection.objects.get(account_id=MEMBER)
        assert made.status == "waiting"
        assert "payer (root) account only" in made.status_message


class TestRoles:
    def test_each_is_tried_for_real_and_one_failing_stops_no_other(
        self, cast: Cast, company: Company
    ) -> None:
        listed(company.payer)
        mine = external_id_of(cast.acme)
        company.role(MEMBER, external_id=mine)
        company.role(SECOND, external_id=None)
        found = outcomes(
            connect(cast, company.payer, account_ids=[THIRD, SECOND, MEMBER], role_name=f"/{ROLE}")
        )
        assert found[MEMBER][0] == "connected"
        assert found[SECOND][0] == "refused"
        assert "without the external id" in found[SECOND][1]
        assert mine in found[SECOND][1]
        assert found[THIRD][0] == "refused"
        assert f"arn:aws:iam::{THIRD}:role/{ROLE}" in found[THIRD][1]
        made = Connection.objects.get(kind="linked")
        assert made.role_arn == f"arn:aws:iam::{MEMBER}:role/{ROLE}"
        assert made.through == company.payer
        event = cast.acme.audit_events.filter(object_id=str(made.pk)).first()
        assert "operator" in event.actor  # who asked for it, not the worker

    def test_an_account_that_counts_already_gets_its_role_later(
        self, cast: Cast, company: Company
    ) -> None:
        listed(company.payer)
        connect(cast, company.payer, account_ids=[MEMBER])
        company.role(MEMBER, external_id=external_id_of(cast.acme))
        found = outcomes(connect(cast, company.payer, account_ids=[MEMBER], role_name=ROLE))
        assert found[MEMBER][0] == "updated"
        made = Connection.objects.get(account_id=MEMBER)
        assert made.auth_method == "assume_role"
        states = {row["permission"]: row["state"] for row in made.checks.first().results}
        assert states["sts:GetCallerIdentity"] == "pass"
        assert "ec2:DescribeRegions" in states
        found = outcomes(connect(cast, company.payer, account_ids=[MEMBER], role_name=ROLE))
        assert found[MEMBER] == ("already", "It is connected already, as “shop”.")

    def test_a_role_that_takes_any_external_id_is_refused(
        self, cast: Cast, company: Company
    ) -> None:
        listed(company.payer)
        arn = company.role(MEMBER, external_id=None)
        anything = {"StringLike": {"sts:ExternalId": "*"}}
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{PAYER}:root"},
            "Action": "sts:AssumeRole",
            "Condition": anything,
        }
        PretendAccount(MEMBER).client("iam").update_assume_role_policy(
            RoleName=arn.rpartition("/")[2],
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
        found = outcomes(connect(cast, company.payer, account_ids=[MEMBER], role_name=ROLE))
        assert found[MEMBER][0] == "refused"
        assert "another organization" in found[MEMBER][1]

    def test_a_role_through_a_payer_that_went_says_whom_to_connect(
        self, cast: Cast, company: Company
    ) -> None:
        from connections import checks

        listed(company.payer)
        company.role(MEMBER, external_id=external_id_of(cast.acme))
        connect(cast, company.payer, account_ids=[MEMBER], role_name=ROLE)
        cast.api(Role.OPERATOR).delete(f"/api/v1/connections/{company.payer.pk}/")
        made = Connection.objects.get(account_id=MEMBER)
        run = checks.run_check(checks.request_check(made, Trigger.MANUAL))
        assert run.state == RunState.FAILED
        assert PAYER in run.error_hint

    def test_a_role_is_opened_by_a_payer_of_the_same_organization_only(
        self, cast: Cast, company: Company
    ) -> None:
        data = {
            "name": "M",
            "kind": "linked",
            "auth": {
                "method": "assume_role",
                "role_arn": f"arn:aws:iam::{MEMBER}:role/{ROLE}",
                "through": company.payer.pk,
            },
        }
        response = cast.api(Role.OPERATOR, cast.bolt).post(
            "/api/v1/connections/", data, format="json"
        )
        assert "auth.through" in response.json()["errors"]

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"account_ids": []}, "account_ids"),
            ({"account_ids": ["999900001111"]}, "account_ids"),
            ({"account_ids": [PAYER]}, "account_ids"),
            ({"account_ids": "all"}, "account_ids"),
            ({"account_ids": [MEMBER], "role_name": "a role"}, "role_name"),
            ({"account_ids": [MEMBER], "role_source": "nobody"}, "role_source"),
            ({"account_ids": [MEMBER], "role": "x"}, "role"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(
        self, cast: Cast, company: Company, data: dict[str, Any], field: str
    ) -> None:
        listed(company.payer)
        response = connect(cast, company.payer, **data)
        assert response.status_code == 400
        assert any(name.startswith(field) for name in response.json()["errors"])
        assert not MemberConnecting.objects.exists()


def test_the_external_id_is_known_before_anything_is_connected(cast: Cast) -> None:
    principal = f"arn:aws:iam::{PAYER}:user/portal"
    response = cast.api(Role.OPERATOR).get("/api/v1/external-id/", {"principal": principal})
    said = response.json()
    assert said["external_id"] == external_id_of(cast.acme)
    statement = said["trust_policy"]["Statement"][0]
    assert statement["Principal"] == {"AWS": principal}
    assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == said["external_id"]
    other = cast.api(Role.OPERATOR, cast.bolt).get("/api/v1/external-id/").json()
    assert other["external_id"] != said["external_id"]
    assert other["trust_policy"] is None
