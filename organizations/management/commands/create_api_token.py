"""`manage.py create_api_token --organization SLUG --role ROLE`: prints the token alone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from organizations.access import Role
from organizations.models import Organization
from organizations.services import issue_token


class Command(BaseCommand):
    help = "Create an API token and print it, alone, on standard output. It is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", default="command line")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization “{options['organization']}”.")
        _, text = issue_token(
            organization=organization, role=Role(options["role"]), name=options["name"]
        )
        self.stdout.write(text)
