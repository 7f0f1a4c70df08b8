"""Which usage a Savings Plan or a reservation could have paid for, told by its usage type.

AWS sells commitments for instances and for the compute of Fargate, Lambda and SageMaker. Spot usage
is cheaper already and takes none.
"""

from typing import Any, LiteralString

from django.db import models


class Family(models.TextChoices):
    """What commitments are sold for."""

    EC2 = "ec2", "EC2 instances"
    FARGATE = "fargate", "Fargate"
    LAMBDA = "lambda", "Lambda"
    SAGEMAKER = "sagemaker", "SageMaker"
    RDS = "rds", "RDS instances"
    ELASTICACHE = "elasticache", "ElastiCache nodes"
    OPENSEARCH = "opensearch", "OpenSearch instances"
    REDSHIFT = "redshift", "Redshift nodes"
    MEMORYDB = "memorydb", "MemoryDB nodes"
    OTHER = "other", "Other"


# Product code -> family, and what its usage types hold where they are eligible.
_ELIGIBLE: dict[str, tuple[Family, tuple[str, ...]]] = {
    "AmazonEC2": (Family.EC2, ("BoxUsage", "DedicatedUsage", "HostUsage")),
    "AmazonECS": (Family.FARGATE, ("Fargate-",)),
    "AmazonEKS": (Family.FARGATE, ("Fargate-",)),
    "AWSLambda": (Family.LAMBDA, ("Lambda-GB-Second", "Lambda-Provisioned")),
    "AmazonSageMaker": (Family.SAGEMAKER, (":ml.",)),
    "AmazonRDS": (Family.RDS, ("InstanceUsage", "Multi-AZUsage")),
    "AmazonElastiCache": (Family.ELASTICACHE, ("NodeUsage",)),
    "AmazonES": (Family.OPENSEARCH, ("ESInstance",)),
    "AmazonRedshift": (Family.REDSHIFT, ("Node:",)),
    "AmazonMemoryDB": (Family.MEMORYDB, ("NodeUsage",)),
}


def family_of(service: str) -> Family:
    """Return the family of usage that a commitment did pay for."""
    return _ELIGIBLE[service][0] if service in _ELIGIBLE else Family.OTHER


def eligible_sql() -> tuple[LiteralString, list[Any]]:
    """Return the condition that a commitment could have paid for a usage f, and its parameters."""
    condition: LiteralString = " OR ".join(
        ["(f.service = %s AND f.usage_type LIKE ANY(%s::text[]))"] * len(_ELIGIBLE)
    )
    patterns = [
        value
        for service, (_, parts) in _ELIGIBLE.items()
        for value in (service, [f"%{part}%" for part in parts])
    ]
    return f"(({condition}) AND f.usage_type NOT LIKE %s)", [*patterns, "%Spot%"]
