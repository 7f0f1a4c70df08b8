"""Secrets at rest: a text field encrypted with the keys of the setting FIELD_KEYS.

The first key encrypts, all of them decrypt, so keys rotate without a gap: put the new key first,
run `manage.py rotate_field_keys`, then remove the old one. A value that no key opens raises when it
is used; its row can be read, and the value stays as it is until another one is entered.
"""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

PREFIX = "enc1:"
_LOST = "A stored secret cannot be opened: the key that encrypted it is not in FIELD_KEYS."


class FieldDecryptionError(Exception):
    """A stored secret cannot be opened with any key in FIELD_KEYS."""


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("FIELD_KEYS must hold at least one Fernet key.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "FIELD_KEYS must hold Fernet keys: 32 bytes in url-safe base64, comma-separated."
        ) from error


def box() -> MultiFernet:
    """Return the encryption box of the current FIELD_KEYS."""
    return _box(tuple(settings.FIELD_KEYS))


def encrypt(text: str) -> str:
    """Return the stored form of a secret."""
    if isinstance(text, LostSecret):
        return text.stored
    return PREFIX + box().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """Return the secret. Raises FieldDecryptionError, which never holds the value."""
    try:
        return box().decrypt(stored.removeprefix(PREFIX).encode()).decode()
    except InvalidToken:
        raise FieldDecryptionError(_LOST) from None


def rotate(stored: str) -> str:
    """Return the secret encrypted again with the first key."""
    try:
        return PREFIX + box().rotate(stored.removeprefix(PREFIX).encode()).decode()
    except InvalidToken:
        raise FieldDecryptionError(_LOST) from None


class Secret(str):
    """Text that does not print itself: not in a repr, a traceback or a log line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)" if self else "Secret('')"


class LostSecret(Secret):
    """A stored secret that no key opens. It can be kept and replaced; whoever reads it is told."""

    __slots__ = ()

    @property
    def stored(self) -> str:
        """Return the stored form, as it is kept."""
        return str.__str__(self)

    def _read(self, *args: Any, **options: Any) -> Any:
        raise FieldDecryptionError(_LOST)

    __str__ = __format__ = encode = strip = _read


class EncryptedTextField(models.TextField[str, str]):
    """Text that lies encrypted in the database. Empty text stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return encrypt(text) if text else text

    def from_db_value(
        self, value: str | None, expression: object, connection: BaseDatabaseWrapper
    ) -> str | None:
        """Decrypt what the database holds."""
        if not value:
            return value
        try:
            return Secret(decrypt(value))
        except FieldDecryptionError:
            return LostSecret(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """Refuse to filter: ciphertexts of equal secrets differ."""
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"The encrypted field {self.name} cannot be searched.")

    def value_to_string(self, obj: models.Model) -> str:
        """Serialize as ciphertext, so that a dump holds no secret."""
        value = self.value_from_object(obj)
        return encrypt(value) if value else ""
