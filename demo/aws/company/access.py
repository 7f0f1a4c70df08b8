"""What the company lets the portal do: read its bills and describe its resources."""

from typing import Any

from demo.aws.company.cast import BILLS_BUCKET, PAYER
from demo.aws.credentials import PORTAL_EXTERNAL_ID, PORTAL_ROLE, PORTAL_USER

Policy = dict[str, Any]

DESCRIBE = [
    *("ec2:Describe*", "elasticloadbalancing:Describe*"),
    *("s3:ListAllMyBuckets", "s3:GetBucketLocation", "s3:GetBucketTagging"),
    *("s3:GetBucketPolicyStatus", "s3:GetBucketAcl", "s3:GetBucketPublicAccessBlock"),
    "s3:GetAccountPublicAccessBlock",
    *("cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics"),
    *("iam:ListUsers", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed", "iam:GetLoginProfile"),
    "iam:SimulatePrincipalPolicy",
]


def _allow(actions: list[str], *resources: str) -> Policy:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources) or ["*"]}


def _document(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def resources_policy() -> Policy:
    return _document(_allow(DESCRIBE))


def payer_policy() -> Policy:
    exports = [
        *("bcm-data-exports:ListExports", "bcm-data-exports:GetExport"),
        *("bcm-data-exports:ListExecutions", "bcm-data-exports:GetTable"),
        *("bcm-data-exports:ListTables", "bcm-data-exports:CreateExport"),
        *("cur:DescribeReportDefinitions", "cur:PutReportDefinition"),
        *("organizations:DescribeOrganization", "organizations:ListAccounts"),
        *("organizations:ListRoots", "organizations:ListAccountsForParent"),
        "organizations:ListOrganizationalUnitsForParent",
    ]
    bucket = f"arn:aws:s3:::{BILLS_BUCKET}"
    # Buckets that the portal may make for new exports, and what it does with them.
    new_bucket = [
        *("s3:CreateBucket", "s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject"),
        *("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock"),
        *("s3:PutBucketOwnershipControls", "s3:PutEncryptionConfiguration"),
    ]
    return _document(
        _allow(DESCRIBE),
        _allow(exports),
        _allow(["s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketPolicy"], bucket),
        _allow(["s3:GetObject"], f"{bucket}/*"),
        _allow(new_bucket, "arn:aws:s3:::larkspur-new-*"),
        _allow(["sts:AssumeRole"], f"arn:aws:iam::*:role/{PORTAL_ROLE}"),
    )


def trust_policy() -> Policy:
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{PAYER}:user/{PORTAL_USER}"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": PORTAL_EXTERNAL_ID}},
        }
    )


def delivery_policy() -> Policy:
    """What AWS asks of a bucket before it delivers Data Exports into it."""
    grant = _allow(["s3:PutObject"], f"arn:aws:s3:::{BILLS_BUCKET}/*")
    source = f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/*"
    return _document(
        {
            "Sid": "EnableAWSDataExportsToWriteToS3",
            **grant,
            "Principal": {"Service": "bcm-data-exports.amazonaws.com"},
            "Condition": {
                "ArnLike": {"aws:SourceArn": source},
                "StringEquals": {"aws:SourceAccount": PAYER},
            },
        }
    )
