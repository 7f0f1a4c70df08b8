"""The policies as documents: what they grant, how narrow, how long, and how they are written."""

import json
import re
from typing import Any

import pytest

from connections import jobs
from connections.models import Connection, ConnectionKind
from connections.policies.bucket import delivery_statements, merged
from connections.policies.modes import documents, policy_statement_for
from connections.policies.rendering import Format, files
from connections.policies.scopes import UnknownActionError, inventory_scope
from connections.policies.statements import Kind
from connections.policies.terraform import hcl, quoted
from connections.policies.values import IDENTITY_MODES, GrantTo, Mode, Values

ACCOUNT, OTHER = "111122223333", "444455556666"
FILLED: dict[str, Any] = {
    "account_id": ACCOUNT,
    "bucket": "acme-bills",
    "prefix": "s3://acme-bills/cur/",
    "export_name": "daily",
    "bucket_account_id": OTHER,
    "kms_key_arn": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/12345678-90ab",
    "portal_arn": f"arn:aws:iam::{OTHER}:role/portal",
    "external_id": "0123abcd",
    "with_discovery": True,
    "with_organization": True,
    "member_role": "countinghouse",
}
BARE: dict[str, Any] = {"with_discovery": False, "with_organization": False}
# What AWS's Service Authorization Reference lists without a resource type.
WITHOUT_RESOURCES = re.compile(
    r"ec2:Describe\w+|elasticloadbalancing:Describe\w+|s3:ListAllMyBuckets|s3:GetAccountPublicAccessBlock"
    r"|bcm-data-exports:ListExports|cloudwatch:(Get|List)\w+|organizations:(DescribeOrganization|ListAccounts|ListRoots)"
)
EVERY = [(mode, grant) for mode in Mode for grant in GrantTo]


def values(mode: str, grant_to: str = "policy", **changes: Any) -> Values:
    made = Values(mode=Mode(mode), grant_to=GrantTo(grant_to), **{**FILLED, **changes})
    assert made.problems() == {}
    return made


def statements(mode: str, **changes: Any) -> dict[str, dict[str, Any]]:
    """The statements of the first document, by Sid."""
    made = documents(values(mode, **changes))[0].policy["Statement"]
    return {one["Sid"]: one for one in made}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(("mode", "grant_to"), EVERY)
def test_every_policy_is_as_narrow_as_aws_lets_it_be(mode: str, grant_to: str) -> None:
    made = documents(values(mode, grant_to))
    assert made
    for document in made:
        assert json.loads(document.text) == document.policy
        assert document.policy["Version"] == "2012-10-17"
        for one in document.policy["Statement"]:
            assert one["Effect"] == "Allow"
            assert not [action for action in listed(one["Action"]) if "*" in action]
            if "*" in listed(one.get("Resource", [])):
                for action in listed(one["Action"]):
                    assert WITHOUT_RESOURCES.fullmatch(action), action
            assert one.get("Principal") != "*"
            assert "*" not in one.get("Principal", {}).values()


@pytest.mark.parametrize(("mode", "grant_to"), EVERY)
def test_every_statement_has_a_sid_of_its_own_and_a_purpose(mode: str, grant_to: str) -> None:
    for document in documents(values(mode, grant_to)):
        sids = [one.sid for one in document.statements]
        assert len(set(sids)) == len(sids)
        assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
        assert all(one.purpose for one in document.statements)


@pytest.mark.parametrize(("mode", "grant_to"), EVERY)
def test_every_policy_has_room_left_in_what_aws_takes(mode: str, grant_to: str) -> None:
    longest = {"bucket": "b" * 63, "prefix": "p" * 200, "export_name": "n" * 128}
    limits = {Kind.IDENTITY: 6144, Kind.TRUST: 2048, Kind.BUCKET: 20480}
    for document in documents(values(mode, grant_to, **longest)):
        assert len(re.sub(r"\s", "", document.text)) <= limits[document.kind]
        assert document.size <= document.limit == limits[document.kind]


def test_reading_a_bill_fits_into_a_users_own_policy() -> None:
    document = documents(values("read_only", **BARE))[0]
    assert document.fits_inline
    assert document.size <= 2048


def test_reading_is_limited_to_the_exports_own_folder() -> None:
    found = statements("read_only", **BARE)
    assert found["ListBillingFiles"]["Resource"] == "arn:aws:s3:::acme-bills"
    assert found["ListBillingFiles"]["Condition"] == {"StringLike": {"s3:prefix": "cur/daily/*"}}
    assert found["ReadBillingFiles"]["Resource"] == "arn:aws:s3:::acme-bills/cur/daily/*"
    assert found["DecryptBillingFiles"]["Resource"].endswith("key/12345678-90ab")
    actions = {action for one in found.values() for action in listed(one["Action"])}
    assert actions == {"s3:ListBucket", "s3:GetObject", "s3:GetBucketLocation", "kms:Decrypt"}


def test_a_bucket_of_which_no_folder_is_known_is_readable_as_a_whole() -> None:
    found = statements("read_only", prefix="", export_name="", kms_key_arn="")
    assert "Condition" not in found["ListBillingFiles"]
    assert found["ReadBillingFiles"]["Resource"] == "arn:aws:s3:::acme-bills/*"
    assert "LocateBillingBucket" not in found


def test_a_prefix_that_ends_in_the_name_is_readable_wherever_the_portal_looks() -> None:
    found = statements("read_only", prefix="cur", export_name="cur")
    patterns = found["ListBillingFiles"]["Condition"]["StringLike"]["s3:prefix"]
    assert patterns == ["cur/cur/*", "cur/*"]


def test_an_asterisk_in_a_name_is_no_wildcard() -> None:
    found = statements("read_only", prefix="", export_name="all*")
    assert found["ReadBillingFiles"]["Resource"] == "arn:aws:s3:::acme-bills/all${*}/*"
    assert 'all$${*}/*"' in terraform("read_only", prefix="", export_name="all*")


def test_policies_of_other_partitions_name_their_resources() -> None:
    found = statements(
        "read_only",
        partition="aws-cn",
        kms_key_arn=f"arn:aws-cn:kms:cn-north-1:{ACCOUNT}:key/1",
    )
    assert found["ReadBillingFiles"]["Resource"].startswith("arn:aws-cn:s3:::acme-bills/")
    through = found["DecryptBillingFiles"]["Condition"]["StringEquals"]["kms:ViaService"]
    assert through == "s3.cn-north-1.amazonaws.com.cn"


def test_discovery_is_granted_what_its_collectors_declare() -> None:
    declared = {
        one.action
        for job in jobs.jobs_of(Connection(kind=ConnectionKind.LINKED))
        for one in job.permissions
    }
    made = documents(values("discover", with_organization=False))[0].policy["Statement"]
    assert declared
    assert {action for one in made for action in listed(one["Action"])} == declared
    with_bills = documents(values("read_only"))[0].policy["Statement"]
    assert declared < {action for one in with_bills for action in listed(one["Action"])}


def test_an_action_whose_resources_nobody_decided_is_refused() -> None:
    for action in ("ec2:TerminateInstances", "ec2:DescribeImageAttribute", "s3:PutObject"):
        with pytest.raises(UnknownActionError, match=action):
            inventory_scope(action)


def test_the_statement_of_one_action_names_the_connections_own_resources() -> None:
    one = policy_statement_for("s3:GetObject", values("read_only"))
    assert one.as_dict()["Resource"] == "arn:aws:s3:::acme-bills/cur/daily/*"
    assert one.purpose
    another = policy_statement_for("s3:GetBucketTagging", values("read_only")).as_dict()
    assert another["Action"] == "s3:GetBucketTagging"
    assert another["Resource"] == "arn:aws:s3:::*"


def test_a_role_trusts_the_portal_with_the_external_id_only() -> None:
    made = {one.name: one for one in documents(values("read_only", "role"))}
    (trust,) = made["trust-policy"].policy["Statement"]
    assert trust["Principal"] == {"AWS": FILLED["portal_arn"]}
    assert trust["Action"] == "sts:AssumeRole"
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "0123abcd"}}
    assert "Resource" not in trust
    (assume,) = made["portal-policy"].policy["Statement"]
    assert assume["Resource"] == f"arn:aws:iam::{ACCOUNT}:role/countinghouse"


def test_the_other_accounts_bucket_lets_this_account_read_and_no_more() -> None:
    made = {one.name: one for one in documents(values("cross_account"))}
    assert OTHER in made["bucket-policy"].place
    for one in made["bucket-policy"].policy["Statement"]:
        assert one["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert set(listed(one["Action"])) <= {
            "s3:ListBucket",
            "s3:GetObject",
            "s3:GetBucketLocation",
        }
    reader = f"arn:aws:iam::{ACCOUNT}:user/portal"
    narrowed = documents(values("cross_account", reader_arn=reader))[-1]
    assert {one["Principal"]["AWS"] for one in narrowed.policy["Statement"]} == {reader}


def test_only_the_services_of_the_wanted_export_may_deliver() -> None:
    def services(schema: str) -> set[str]:
        made = documents(values("bucket_policy", schema=schema))[0].policy["Statement"]
        return {one["Principal"]["Service"] for one in made}

    modern, legacy = "bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com"
    assert services("cur2") == services("focus_1_2") == {modern}
    assert services("legacy_cur") == {legacy}
    assert services("") == {modern, legacy}


# --- merging into a bucket's policy -----------------------------------------------------------
FOREIGN = {
    "Sid": "EnableAWSDataExportsToWriteToS3",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "arn:aws:s3:::acme-bills/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def test_merging_keeps_every_statement_that_is_there() -> None:
    wanted = delivery_statements(values("bucket_policy"))
    before = {"Version": "2008-10-17", "Id": "theirs", "Statement": FOREIGN}
    after = merged(before, wanted)
    assert after["Version"] == "2008-10-17"
    assert after["Id"] == "theirs"
    assert after["Statement"][0] == FOREIGN
    sids = [one["Sid"] for one in after["Statement"]]
    assert sids[1] == "EnableAWSDataExportsToWriteToS32"
    assert len(set(sids)) == len(sids) == 1 + len(wanted)
    assert before["Statement"] == FOREIGN


def test_merging_twice_adds_nothing() -> None:
    wanted = delivery_statements(values("bucket_policy"))
    once = merged(None, wanted)
    assert merged(once, wanted) == once
    assert len(once["Statement"]) == len(wanted)


def test_a_statement_that_says_the_same_in_another_spelling_is_known() -> None:
    wanted = delivery_statements(values("bucket_policy", schema="cur2"))
    said = wanted[0].as_dict()
    other = {
        **said,
        "Sid": "Theirs",
        "Action": [said["Action"]],
        "Principal": {"Service": [said["Principal"]["Service"]]},
    }
    assert merged({"Statement": [other]}, wanted)["Statement"] == [other]
    narrower = {**other, "Resource": "arn:aws:s3:::acme-bills/cur/*"}
    assert len(merged({"Statement": [narrower]}, wanted)["Statement"]) == 2


# --- what is wrong ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"mode": Mode.READ_ONLY}, "bucket"),
        ({"mode": Mode.READ_ONLY, "bucket": "a/*"}, "bucket"),
        ({"mode": Mode.READ_ONLY, "bucket": "bills", "prefix": "a\nb"}, "prefix"),
        ({"mode": Mode.READ_ONLY, "bucket": "bills", "export_name": 'a"b'}, "export_name"),
        ({"mode": Mode.READ_ONLY, "bucket": "bills", "account_id": "12"}, "account_id"),
        ({"mode": Mode.READ_ONLY, "bucket": "bills", "account_id": "\u0661" * 12}, "account_id"),
        ({"mode": Mode.AUTOMATIC, "bucket": "bills"}, "account_id"),
        ({"mode": Mode.DISCOVER, "grant_to": GrantTo.ROLE, "account_id": ACCOUNT}, "portal_arn"),
        ({"mode": Mode.TRUST_POLICY, "account_id": ACCOUNT, "portal_arn": "*"}, "portal_arn"),
        ({"mode": Mode.TRUST_POLICY, "account_id": ACCOUNT, "role_name": "a/b"}, "role_name"),
        (
            {
                "mode": Mode.CROSS_ACCOUNT,
                "bucket": "bills",
                "account_id": ACCOUNT,
                "bucket_account_id": ACCOUNT,
            },
            "bucket_account_id",
        ),
        (
            {
                "mode": Mode.AUTOMATIC,
                "bucket": "bills",
                "account_id": ACCOUNT,
                "partition": "aws-cn",
            },
            "partition",
        ),
    ],
)
def test_a_value_that_does_not_do_has_a_sentence(given: dict[str, Any], field: str) -> None:
    assert Values(**given).problems()[field].endswith((".", "…."))


# --- how they are written ---------------------------------------------------------------------
def terraform(mode: str, grant_to: str = "policy", **changes: Any) -> str:
    chosen = values(mode, grant_to, **changes)
    return "\n".join(one.text for one in files(documents(chosen), chosen, Format.TERRAFORM))


@pytest.mark.parametrize(("mode", "grant_to"), EVERY)
@pytest.mark.parametrize("wanted", Format)
def test_files_are_the_same_each_time_and_have_names_of_their_own(
    mode: str, grant_to: str, wanted: Format
) -> None:
    chosen = values(mode, grant_to)
    made = files(documents(chosen), chosen, wanted)
    assert made == files(documents(chosen), chosen, wanted)
    assert len({one.name for one in made}) == len(made)
    assert all(re.fullmatch(r"countinghouse-[a-z-]+(\.template)?\.(json|tf)", f.name) for f in made)


@pytest.mark.parametrize(("mode", "grant_to"), EVERY)
def test_templates_hold_the_same_policies_as_the_json(mode: str, grant_to: str) -> None:
    chosen = values(mode, grant_to)
    made = documents(chosen)
    held = []
    for file in files(made, chosen, Format.CLOUDFORMATION):
        template = json.loads(file.text)
        assert template["AWSTemplateFormatVersion"] == "2010-09-09"
        assert len(template["Description"]) <= 1024
        for name, resource in template["Resources"].items():
            assert name.isalnum()
            properties = resource["Properties"]
            key = {
                "AWS::IAM::ManagedPolicy": "PolicyDocument",
                "AWS::S3::BucketPolicy": "PolicyDocument",
                "AWS::IAM::Role": "AssumeRolePolicyDocument",
            }[resource["Type"]]
            held.append(properties[key])
            for one in properties.get("ManagedPolicyArns", []):
                assert template["Resources"][one["Ref"]]["Type"] == "AWS::IAM::ManagedPolicy"
    assert sorted(map(json.dumps, held)) == sorted(json.dumps(one.policy) for one in made)


@pytest.mark.parametrize("mode", sorted(IDENTITY_MODES))
def test_a_role_comes_with_its_permissions(mode: str) -> None:
    chosen = values(mode, "role")
    templates = files(documents(chosen), chosen, Format.CLOUDFORMATION)
    roles = [
        resource
        for file in templates
        for resource in json.loads(file.text)["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    assert [len(one["Properties"]["ManagedPolicyArns"]) for one in roles] == [1]
    written = terraform(mode, "role")
    assert written.count('resource "aws_iam_role_policy_attachment"') == 1


@pytest.mark.parametrize(("mode", "grant_to"), EVERY)
def test_terraform_holds_the_same_policies_as_the_json(mode: str, grant_to: str) -> None:
    read = read_hcl(terraform(mode, grant_to))
    made = documents(values(mode, grant_to))
    assert sorted(map(json.dumps, read)) == sorted(json.dumps(one.policy) for one in made)


def read_hcl(text: str) -> list[Any]:
    """The arguments of jsonencode(), read by the rules of HCL as far as they are used here."""
    bare = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    found = []
    for start in re.finditer(r"jsonencode\(", bare):
        tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[\w]+|[{}\[\]=,)]', bare[start.end() :])
        found.append(_hcl_value(iter(tokens)))
    assert bare.count("{") == bare.count("}")
    return found


def _hcl_value(tokens: Any, first: str = "") -> Any:
    token = first or next(tokens)
    if token == "{":
        made = {}
        while (key := next(tokens)) != "}":
            assert next(tokens) == "="
            made[_text(key)] = _hcl_value(tokens)
        return made
    if token == "[":
        items = []
        while (one := next(tokens)) != "]":
            if one != ",":
                items.append(_hcl_value(tokens, one))
        return items
    return _text(token)


def _text(token: str) -> str:
    if not token.startswith('"'):
        return token
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", token), "a template would start here"
    return str(json.loads(token.replace("$${", "${").replace("%%{", "%{")))


def test_text_cannot_leave_its_string_in_terraform() -> None:
    nasty = 'a" } \\ ${file("/etc/passwd")} %{ if true }'
    assert _text(quoted(nasty)) == nasty
    assert quoted(nasty).count('"') - quoted(nasty).count('\\"') == 2
    assert (
        hcl({"aws:SourceArn": [nasty]})
        == f'{{\n  "aws:SourceArn" = [\n    {quoted(nasty)},\n  ]\n}}'
    )
