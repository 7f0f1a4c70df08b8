"""Documents as files to download: JSON, CloudFormation, Terraform. One file for each account.

A value reaches the text only through an encoder of its language, so nothing that was entered can
become code.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from django.db import models

from connections.policies import cloudformation, terraform
from connections.policies.statements import Document
from connections.policies.values import Values


class Format(models.TextChoices):
    """In which language the policies are written."""

    JSON = "json", "JSON policy"
    CLOUDFORMATION = "cloudformation", "CloudFormation template"
    TERRAFORM = "terraform", "Terraform"


@dataclass(frozen=True)
class File:
    """One file to download. `place` says in which account it belongs."""

    name: str
    place: str
    media_type: str
    text: str


def files(documents: Iterable[Document], values: Values, wanted: Format) -> list[File]:
    """Return the documents as files of this format, in the documents' order."""
    return _WRITERS[wanted](list(documents), values)


def _json_files(documents: list[Document], values: Values) -> list[File]:
    return [
        File(f"countinghouse-{one.name}.json", one.place, "application/json", one.text + "\n")
        for one in documents
    ]


def _cloudformation_files(documents: list[Document], values: Values) -> list[File]:
    return [
        File(
            f"countinghouse-{group[0].name}.template.json",
            place,
            "application/json",
            json.dumps(cloudformation.template(group, values), indent=2, ensure_ascii=False) + "\n",
        )
        for place, group in _by_place(documents)
    ]


def _terraform_files(documents: list[Document], values: Values) -> list[File]:
    return [
        File(
            f"countinghouse-{group[0].name}.tf",
            place,
            "text/plain",
            terraform.configuration(group, values),
        )
        for place, group in _by_place(documents)
    ]


def _by_place(documents: list[Document]) -> Iterable[tuple[str, list[Document]]]:
    for place, group in groupby(documents, key=lambda one: one.place):
        yield place, list(group)


_WRITERS: dict[Format, Callable[[list[Document], Values], list[File]]] = {
    Format.JSON: _json_files,
    Format.CLOUDFORMATION: _cloudformation_files,
    Format.TERRAFORM: _terraform_files,
}
