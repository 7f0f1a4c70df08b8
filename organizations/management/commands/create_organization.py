"""`manage.py create_organization SLUG --name N`."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from organizations.services import create_organization


class Command(BaseCommand):
    help = "Create an organization. Its slug is its name in addresses and commands."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = create_organization(slug=options["slug"], name=options["name"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stderr.write(f"Created the organization {made.name} ({made.slug}).")
