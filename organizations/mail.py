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


def send_mail(
    to: Sequence[str],
    subject: str,
    template: str,
    context: Mapping[str, Any],
    attachments: Sequence[Attachment] = (),
) -> None:
    """Send one letter to each address apart. Raises OSError when the mail server refuses it.

    `template` is a plain text; it finds `portal_url` beside its context. A subject is one line.
    """
    text = render_to_string(template, {**context, "portal_url": settings.PORTAL_URL})
    for address in to:
        letter = EmailMessage(subject=" ".join(subject.split()), body=text, to=[address])
        for one in attachments:
            letter.attach(one.name, one.content, one.content_type)
        letter.send()


def absolute_url(path: str) -> str:
    """Return the address of a page as somebody outside reaches it."""
    return settings.PORTAL_URL + path
