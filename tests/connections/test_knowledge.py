"""What is left of botocore's knowledge is all that the portal needs."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape

from connections.aws.credentials import AccessKey
from connections.aws.knowledge import OPERATIONS, Knowledge
from connections.aws.session import AwsSession
from discovery.collectors import COLLECTORS
from discovery.metrics.collector import GET_METRIC_DATA
from discovery.regions import DESCRIBE_REGIONS
from organizations.crypto import Secret

MODEL = "service-2"


def whole(service: str) -> Any:
    return create_loader().load_service_model(service, MODEL)


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_cut_service_has_just_the_operations_that_are_called(service: str) -> None:
    declared = [DESCRIBE_REGIONS, GET_METRIC_DATA, *(c for one in COLLECTORS for c in one.calls)]
    assert OPERATIONS[service] == {one.operation for one in declared if one.service == service}
    cut = Knowledge().load_service_model(service, MODEL)
    assert {xform_name(name) for name in cut["operations"]} == OPERATIONS[service]


@pytest.mark.parametrize("service", OPERATIONS)
def test_operations_that_are_left_are_described_as_before(service: str) -> None:
    cut = ServiceModel(Knowledge().load_service_model(service, MODEL), service)
    full = ServiceModel(whole(service), service)
    assert cut.metadata == full.metadata
    for name in cut.operation_names:
        ours, theirs = cut.operation_model(name), full.operation_model(name)
        assert ours.http == theirs.http
        assert described(ours.input_shape) == described(theirs.input_shape)
        assert described(ours.output_shape) == described(theirs.output_shape)
        assert [one.name for one in ours.error_shapes] == [one.name for one in theirs.error_shapes]


def described(shape: Shape) -> dict[str, Any]:
    """Return every shape below this one by its name, with how it is read."""
    return {one.name: (one.type_name, one.serialization, one.metadata) for one in below(shape, [])}


def below(shape: Shape, seen: list[str]) -> Iterator[Shape]:
    if shape.name in seen:
        return
    seen.append(shape.name)
    yield shape
    if shape.type_name == "structure":
        inner = list(shape.members.values())
    elif shape.type_name == "list":
        inner = [shape.member]
    else:
        inner = [shape.key, shape.value] if shape.type_name == "map" else []
    for one in inner:
        yield from below(one, seen)


def test_other_services_are_known_whole() -> None:
    assert "sts" not in OPERATIONS
    assert Knowledge().load_service_model("sts", MODEL) == whole("sts")
    pages = Knowledge().load_service_model("ec2", "paginators-1")
    assert pages == create_loader().load_service_model("ec2", "paginators-1")


def test_a_call_that_is_not_named_says_where_to_name_it() -> None:
    session = AwsSession(AccessKey("AKIAEXAMPLE", Secret("secret")), account="somebody")
    client = session.client("ec2")
    with pytest.raises(LookupError, match=r"Name describe_vpcs in connections\.aws\.knowledge"):
        client.call("describe_vpcs")
    with pytest.raises(LookupError, match=r"Name describe_vpcs in connections\.aws\.knowledge"):
        list(client.pages("describe_vpcs", "Vpcs"))
