"""Documents as a CloudFormation template, in JSON, which CloudFormation reads as well as YAML."""

from collections.abc import Sequence
from typing import Any

from connections.policies.statements import Document, Kind
from connections.policies.values import Values

_REPLACES = (
    " A stack that holds a bucket policy replaces the bucket's whole policy: use it only for a"
    " bucket that has none."
)


def template(documents: Sequence[Document], values: Values) -> dict[str, Any]:
    """Return the template of the documents that belong into one account."""
    resources: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for document in documents:
        _ADD[document.kind](document, values, resources, outputs)
    if any(document.kind == Kind.TRUST for document in documents):
        _attach_to_role(resources)
    made: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(documents),
        "Resources": resources,
    }
    return {**made, "Outputs": outputs} if outputs else made


def _description(documents: Sequence[Document]) -> str:
    told = f"Countinghouse: {'; '.join(document.title for document in documents)}."
    replaces = any(document.kind == Kind.BUCKET for document in documents)
    return told + (_REPLACES if replaces else "")


def _add_policy(
    document: Document, values: Values, resources: dict[str, Any], outputs: dict[str, Any]
) -> None:
    name = _logical(document)
    resources[name] = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Metadata": _purposes(document),
        "Properties": {
            "Description": f"Countinghouse: {document.title}",
            "PolicyDocument": document.policy,
        },
    }
    outputs[f"{name}Arn"] = {"Description": document.attach_to, "Value": {"Ref": name}}


def _add_bucket_policy(
    document: Document, values: Values, resources: dict[str, Any], outputs: dict[str, Any]
) -> None:
    resources[_logical(document)] = {
        "Type": "AWS::S3::BucketPolicy",
        "Metadata": _purposes(document),
        "Properties": {"Bucket": values.export.bucket, "PolicyDocument": document.policy},
    }


def _add_role(
    document: Document, values: Values, resources: dict[str, Any], outputs: dict[str, Any]
) -> None:
    resources["Role"] = {
        "Type": "AWS::IAM::Role",
        "Metadata": _purposes(document),
        "Properties": {
            "RoleName": values.role_name,
            "Description": "Countinghouse reads bills and resources through it.",
            "AssumeRolePolicyDocument": document.policy,
        },
    }
    outputs["RoleArn"] = {
        "Description": "Enter this ARN when you connect the account.",
        "Value": {"Fn::GetAtt": ["Role", "Arn"]},
    }


def _attach_to_role(resources: dict[str, Any]) -> None:
    policies = [
        {"Ref": name} for name, one in resources.items() if one["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    if policies:
        resources["Role"]["Properties"]["ManagedPolicyArns"] = policies


def _logical(document: Document) -> str:
    """Return a name that CloudFormation takes: "read-only" -> "ReadOnlyPolicy"."""
    words = "".join(word.capitalize() for word in document.name.split("-"))
    return words if words.endswith("Policy") else f"{words}Policy"


def _purposes(document: Document) -> dict[str, Any]:
    return {"Purposes": {one.sid: one.purpose for one in document.statements}}


_ADD = {
    Kind.IDENTITY: _add_policy,
    Kind.BUCKET: _add_bucket_policy,
    Kind.TRUST: _add_role,
}
