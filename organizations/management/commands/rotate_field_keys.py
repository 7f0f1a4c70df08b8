"""`manage.py rotate_field_keys [--check]`: encrypt every stored secret with the first key."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, models, transaction

from organizations import crypto

_BATCH = 500


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret again with the first key of FIELD_KEYS. "
        "Afterwards the other keys can be removed. Can be stopped and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say if all can be opened")

    def handle(self, *args: Any, **options: Any) -> None:
        lost = 0
        for model, field in _encrypted_fields():
            done, bad = self._rotate(model, field, only_check=options["check"])
            lost += bad
            verb = "can be opened" if options["check"] else "encrypted with the first key"
            self.stdout.write(f"{model._meta.label}.{field.name}: {done} {verb}, {bad} lost")
        if lost:
            raise CommandError(
                f"{lost} stored secrets cannot be opened with any key in FIELD_KEYS. "
                "Put the key that encrypted them back, or enter the secrets again."
            )

    def _rotate(
        self, model: type[models.Model], field: models.Field[Any, Any], *, only_check: bool
    ) -> tuple[int, int]:
        """Work in batches by primary key, below the model layer: nothing is ever in clear."""
        pk, column, table = (
            connection.ops.quote_name(name)
            for name in (str(model._meta.pk.column), str(field.column), model._meta.db_table)
        )
        select = f"""
            SELECT {pk}, {column} FROM {table} WHERE {pk} > %s AND {column} <> ''
            ORDER BY {pk} LIMIT {_BATCH} FOR UPDATE
        """  # noqa: S608 - names are quoted, values are parameters
        update = f"UPDATE {table} SET {column} = %s WHERE {pk} = %s"  # noqa: S608 - as above
        done = bad = last = 0
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(select, [last])
                rows = cursor.fetchall()
                for key, stored in rows:
                    try:
                        rotated = crypto.rotate(stored)
                    except crypto.FieldDecryptionError:
                        bad += 1
                        continue
                    done += 1
                    if not only_check:
                        cursor.execute(update, [rotated, key])
            if not rows:
                return done, bad
            last = rows[-1][0]


def _encrypted_fields() -> list[tuple[type[models.Model], models.Field[Any, Any]]]:
    return [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, crypto.EncryptedTextField)
    ]
