"""`manage.py setup_schedules`: run once after each deploy; harmless at any time."""

from typing import Any

from django.core.management.base import BaseCommand

from connections import schedules


class Command(BaseCommand):
    """Create the schedules that are missing; those that exist stay as they are."""

    help = "Create missing schedules of connections and of the portal. What exists is kept."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create them and say how many were missing."""
        self.stdout.write(f"{schedules.ensure_all()} schedules were missing.")
