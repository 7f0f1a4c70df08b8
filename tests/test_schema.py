"""The OpenAPI schema in docs/ is the one that the code makes."""

import io
from pathlib import Path

from django.core.management import call_command

COMMITTED = Path(__file__).parent.parent / "docs" / "openapi.yaml"


def test_the_committed_schema_is_the_one_of_the_code() -> None:
    made = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=made)
    assert made.getvalue() == COMMITTED.read_text(), (
        "The API changed: run manage.py spectacular --file docs/openapi.yaml, and read the diff."
    )
