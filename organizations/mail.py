"""Letters to people: one plain text for a template, with links that lead back to the portal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a letter."""

    name: str
    content: bytes
    content_type: str


class AddressError(OSError):
    """An address that no mail server takes."""


def send_mail(
    to: Sequence[str],
    subject: str,
    template: str,
    context: Mapping[str, Any],
    attachments: Sequence[Attachment] = (),
) -> None:
    """Send one letter to each address apart. Raises OSError when the mail server refuses it, or
    would: AddressError for an address that cannot be written into a letter.

    `template` is a plain text; it finds `portal_url` beside its context. A subject is one line.
    """
    text = render_to_string(template, {**context, "portal_url": settings.PORTAL_URL})
    for address in to:
        letter = EmailMessage(subject=" ".join(subject.split()), body=text, to=[address])
        for one in attachments:
            letter.attach(one.name, one.content, one.content_type)
        try:
            letter.send()
        except ValueError:  # of Python's own mail and IDNA code
            raise AddressError(f"“{address}” is no address that a letter can go to.") from None


def absolute_url(path: str) -> str:
    """Return the address of a page as somebody outside reaches it."""
    return settings.PORTAL_URL + path
