"""What somebody entered between the two steps of finding an export: kept in the session, briefly.

The secret lies there encrypted, for a quarter of an hour at the most, and on no page.
"""

import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from connections.detection import Detected
from connections.export_forms import AccountForm
from connections.inputs import AuthInput
from connections.models import AuthMethod
from organizations.crypto import FieldDecryptionError, Secret, decrypt, encrypt

_KEY = "connections.draft"
_SECONDS = 15 * 60


@dataclass(frozen=True)
class Draft:
    """An account that is about to be connected, and the exports that were found in it."""

    organization: int
    name: str
    auth: AuthInput
    rows: list[dict[str, Any]]
    notes: list[str]


def keep(request: HttpRequest, form: AccountForm, detected: Detected) -> None:
    """Keep what was entered and found."""
    auth = form.auth()
    request.session[_KEY] = {
        "at": time.time(),
        "organization": form.cleaned_data["organization"].pk,
        "name": form.cleaned_data["name"],
        "method": str(auth.method),
        "access_key_id": auth.access_key_id,
        "sealed": encrypt(auth.secret_access_key) if auth.secret_access_key else "",
        "role_arn": auth.role_arn,
        "rows": [_row(one) for one in detected.found],
        "notes": list(detected.notes),
    }


def kept(request: HttpRequest) -> Draft | None:
    """Return what was kept, None when there is nothing, or it is too old."""
    said = request.session.get(_KEY)
    if said is None or time.time() - said["at"] > _SECONDS:
        forget(request)
        return None
    try:
        secret = Secret(decrypt(said["sealed"]) if said["sealed"] else "")
    except FieldDecryptionError:  # the keys were changed meanwhile
        forget(request)
        return None
    auth = AuthInput(
        method=AuthMethod(said["method"]),
        access_key_id=said["access_key_id"],
        secret_access_key=secret,
        role_arn=said["role_arn"],
    )
    return Draft(said["organization"], said["name"], auth, said["rows"], said["notes"])


def forget(request: HttpRequest) -> None:
    """Remove what was kept."""
    request.session.pop(_KEY, None)


def _row(one: Any) -> dict[str, Any]:
    definition = one.definition
    return {
        "key": one.key,
        "schema": str(definition.schema),
        "schema_label": definition.schema.label,
        "name": definition.name,
        "place": definition.place,
        "granularity": definition.granularity,
        "file_format": definition.file_format,
        "months": one.months,
        "usable": one.is_usable,
        "reasons": list(one.reasons),
        "notes": list(one.notes),
        "preferred": one.is_preferred,
    }
