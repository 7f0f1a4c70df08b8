"""The API against its own schema: generated requests, good and bad, with a token of every role.

No request may end in a fault, in a status that the schema does not name, or in a body of another
shape or type than it says. Examples are the same in every run; API_EXAMPLES=200 asks for more.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pytest_django.fixtures import Settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from organizations.access import Role
from tests.belongings import Belongings
from tests.cast import Cast

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("API_EXAMPLES") or 4)
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
# What the `id` of an address names, by what stands before it.
NAMED = {
    "connections": "connection",
    "imports": "importrun",
    "resources": "resource",
    "findings": "finding",
    "budgets": "budget",
    "saved-reports": "savedreport",
}

SCHEMA = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))
SCHEMA.app = get_wsgi_application()


def operations() -> Iterator[Any]:
    for found in SCHEMA.get_all_operations():
        operation = found.ok()
        yield pytest.param(operation, id=operation.label)


@pytest.fixture(autouse=True)
def one_database_connection() -> Iterator[None]:
    """The portal answers inside the test's transaction, so a request must not end it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def no_limit(settings: Settings) -> None:
    """Many requests in a short time are what this is about."""
    settings.API_RATE = 0


@pytest.mark.parametrize("operation", list(operations()))
def test_nothing_that_anybody_sends_breaks_the_api(
    cast: Cast, belongings: Belongings, operation: Any
) -> None:
    for role in Role:
        cast.api(role)
        for mode in MODES:
            _send(cast.tokens["acme", role], belongings, operation, mode)


def _send(token: str, belongings: Belongings, operation: Any, mode: GenerationMode) -> None:
    @hypothesis_settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode), of_acme=st.booleans())
    def send(case: Any, of_acme: bool) -> None:
        if of_acme and case.path_parameters:
            case.path_parameters = {
                **case.path_parameters,
                **_names(operation.path, set(case.path_parameters), belongings),
            }
        # Each request meets the same things: what it did is undone.
        with transaction.atomic():
            response = case.call(headers={"Authorization": f"Token {token}"})
            transaction.set_rollback(True)
        case.validate_response(response, checks=CHECKS)

    try:
        send()
    except Unsatisfiable:
        # Where every text is good, nothing bad can be sent.
        assert mode is GenerationMode.NEGATIVE


def _names(path: str, parameters: set[str], belongings: Belongings) -> dict[str, Any]:
    kind = path.removeprefix("/api/v1/").partition("/")[0]
    known = {"id": belongings.names[NAMED[kind]], "run": belongings.names["memberconnecting"]}
    return {name: known[name] for name in parameters if name in known}
