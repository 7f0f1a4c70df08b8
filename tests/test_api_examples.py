"""Every call of the API shows what it takes and what it answers, and the examples are true."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from drf_spectacular.generators import SchemaGenerator

from organizations.access import Role
from tests.belongings import Belongings
from tests.cast import Cast

SPEC = SchemaGenerator().get_schema(public=True)


def bodies() -> Iterator[Any]:
    """Yield (what JSON is asked for or answered) of every call."""
    for path, calls in SPEC["paths"].items():
        for method, call in calls.items():
            contents = {"request": call.get("requestBody", {}).get("content", {})}
            contents |= {
                status: response.get("content", {})
                for status, response in call["responses"].items()
                if status.startswith("2")
            }
            for what, content in contents.items():
                if "application/json" in content:
                    name = f"{method} {path} {what}"
                    yield pytest.param(content["application/json"], id=name)


@pytest.mark.parametrize("body", list(bodies()))
def test_every_body_has_examples_that_fit_its_schema(body: Any) -> None:
    examples = body.get("examples")
    assert examples
    schema = {**body["schema"], "components": SPEC["components"]}
    validator = jsonschema_rs.validator_for(schema)
    for example in examples.values():
        assert not [str(error) for error in validator.iter_errors(example["value"])]


def names(value: Any) -> Any:
    """The names in an answer's objects, without those of maps."""
    if isinstance(value, dict):
        return {"results": names(value["results"])} if "count" in value else sorted(value)
    return [names(one) for one in value[:1]] if isinstance(value, list) else None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/api/v1/connections/", "/api/v1/connections/"),
        ("/api/v1/connections/{id}/", "/api/v1/connections/{connection}/"),
        ("/api/v1/connections/{id}/migration/", "/api/v1/connections/{connection}/migration/"),
        (
            "/api/v1/connections/{id}/organization/",
            "/api/v1/connections/{connection}/organization/",
        ),
        (
            "/api/v1/connections/{id}/organization/connect/{run}/",
            "/api/v1/connections/{connection}/organization/connect/{memberconnecting}/",
        ),
        ("/api/v1/external-id/", "/api/v1/external-id/"),
        ("/api/v1/policies/", "/api/v1/policies/?mode=read_only&bucket=bills"),
        ("/api/v1/imports/{id}/", "/api/v1/imports/{importrun}/"),
        ("/api/v1/resources/{id}/", "/api/v1/resources/{resource}/"),
        ("/api/v1/findings/", "/api/v1/findings/"),
    ],
)
def test_an_example_has_the_names_that_the_portal_answers(
    cast: Cast, belongings: Belongings, path: str, address: str
) -> None:
    content = SPEC["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    (example,) = content["examples"].values()
    answer = cast.api(Role.OWNER).get(address.format(**belongings.names))
    assert answer.status_code == 200
    assert names(example["value"]) == names(answer.json())
