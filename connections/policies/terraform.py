"""Documents as a Terraform configuration (HCL)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connections.policies.statements import VERSION, Document, Kind, Statement
from connections.policies.values import Values

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEP = "  "


def configuration(documents: Sequence[Document], values: Values) -> str:
    """Return the configuration of the documents that belong into one account."""
    blocks = [_BLOCKS[document.kind](document, values) for document in documents]
    if any(document.kind == Kind.TRUST for document in documents):
        blocks += [_attachment(one) for one in documents if one.kind == Kind.IDENTITY]
    return "\n".join(blocks)


def _policy(document: Document, values: Values) -> str:
    return _block(
        "aws_iam_policy",
        _label(document),
        [
            f"name        = {quoted(f'countinghouse-{document.name}')}",
            f"description = {quoted(f'Countinghouse: {document.title}')}",
            f"policy      = {_encoded(document)}",
        ],
        document.attach_to,
    )


def _bucket_policy(document: Document, values: Values) -> str:
    return _block(
        "aws_s3_bucket_policy",
        _label(document),
        [f"bucket = {quoted(values.export.bucket)}", f"policy = {_encoded(document)}"],
        "This replaces the bucket's whole policy: use it only for a bucket that has none.",
    )


def _role(document: Document, values: Values) -> str:
    return _block(
        "aws_iam_role",
        "countinghouse",
        [
            f"name               = {quoted(values.role_name)}",
            'description        = "Countinghouse reads bills and resources through it."',
            f"assume_role_policy = {_encoded(document)}",
        ],
        "Enter the ARN of this role when you connect the account.",
    )


def _attachment(document: Document) -> str:
    label = _label(document)
    return _block(
        "aws_iam_role_policy_attachment",
        label,
        [
            "role       = aws_iam_role.countinghouse.name",
            f"policy_arn = aws_iam_policy.{label}.arn",
        ],
    )


def _block(kind: str, label: str, lines: Sequence[str], comment: str = "") -> str:
    said = f"# {comment}\n" if comment else ""
    body = "".join(f"{_STEP}{line}\n" for line in lines)
    return f'{said}resource "{kind}" "{label}" {{\n{body}}}\n'


def _label(document: Document) -> str:
    return f"countinghouse_{document.name.replace('-', '_')}"


def _encoded(document: Document) -> str:
    statements = "".join(_statement(one) for one in document.statements)
    version = quoted(VERSION)
    inner, deep = _STEP * 2, _STEP
    return (
        f"jsonencode({{\n{inner}Version = {version}\n{inner}Statement = [\n"
        f"{statements}{inner}]\n{deep}}})"
    )


def _statement(statement: Statement) -> str:
    indent = _STEP * 3
    return f"{indent}# {statement.purpose}\n{indent}{hcl(statement.as_dict(), 3)},\n"


def hcl(value: Any, depth: int = 0) -> str:
    """Return a value as HCL writes it: text, lists and mappings of text."""
    if isinstance(value, Mapping):
        lines = [f"{_key(name)} = {hcl(one, depth + 1)}" for name, one in value.items()]
        return _between("{", lines, "}", depth)
    if isinstance(value, list):
        return _between("[", [f"{hcl(one, depth + 1)}," for one in value], "]", depth)
    return quoted(str(value))


def quoted(text: str) -> str:
    """Return text as a string of HCL, in which ${ and %{ would start a template.

    >>> quoted('say "${name}"')
    '"say \\\\"$${name}\\\\""'
    """
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else quoted(name)


def _between(start: str, lines: Sequence[str], end: str, depth: int) -> str:
    inner = "".join(f"\n{_STEP * (depth + 1)}{line}" for line in lines)
    return f"{start}{inner}\n{_STEP * depth}{end}"


_BLOCKS = {Kind.IDENTITY: _policy, Kind.BUCKET: _bucket_policy, Kind.TRUST: _role}
