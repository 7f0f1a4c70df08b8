"""What the page and the API show: documents with their purposes, and files to download."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connections.aws.portal import portal_arn
from connections.aws.session import external_id_of
from connections.models import Connection
from connections.policies.forms import PolicyForm
from connections.policies.modes import documents, policy_statement_for
from connections.policies.rendering import File, Format, files
from connections.policies.scopes import UnknownActionError
from connections.policies.statements import Document
from connections.policies.values import GrantTo, Mode, Values, values_of
from organizations.models import Organization


@dataclass(frozen=True)
class Answer:
    """The policies that somebody asked for."""

    values: Values
    format: Format
    documents: list[Document]
    files: list[File]


def filled_form(given: Mapping[str, str], connection: Connection | None) -> PolicyForm:
    """Return the form with what was given, the rest from the connection and the portal itself."""
    known = values_of(connection) if connection else {}
    data = {**known, **given}
    if "portal_arn" not in given and _asks_for_role(data):
        data["portal_arn"] = portal_arn()
    return PolicyForm(data)


def answer_for(form: PolicyForm, organization: Organization) -> Answer:
    """Return the policies of a valid form, with the organization's external id in them."""
    values = form.values()
    if values.makes_role:
        values = form.values(external_id_of(organization))
    wanted = Format(form.cleaned_data["format"])
    made = documents(values)
    return Answer(values, wanted, made, files(made, values, wanted))


def statement_text(action: str, connection: Connection) -> str:
    """Return the statement that grants one action to a connection, as JSON to paste.

    '' for an action that an older release needed.
    """
    known = {name: value for name, value in values_of(connection).items() if name != "grant_to"}
    form = PolicyForm(known)
    form.full_clean()
    try:
        statement = policy_statement_for(action, form.values())
    except UnknownActionError:
        return ""
    return json.dumps(statement.as_dict(), indent=2)


def _asks_for_role(data: Mapping[str, str]) -> bool:
    return data.get("mode") == Mode.TRUST_POLICY or data.get("grant_to") == GrantTo.ROLE


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return the API's answer."""
    return {
        "mode": str(answer.values.mode),
        "format": str(answer.format),
        "external_id": answer.values.external_id or None,
        "documents": [_document_json(one) for one in answer.documents],
        "files": [
            {
                "name": one.name,
                "place": one.place,
                "media_type": one.media_type,
                "text": one.text,
            }
            for one in answer.files
        ],
    }


def _document_json(document: Document) -> dict[str, Any]:
    return {
        "name": document.name,
        "kind": str(document.kind),
        "title": document.title,
        "place": document.place,
        "attach_to": document.attach_to,
        "size": document.size,
        "limit": document.limit,
        "statements": [
            {"sid": one.sid, "purpose": one.purpose, "actions": list(one.actions)}
            for one in document.statements
        ],
        "policy": document.policy,
    }
