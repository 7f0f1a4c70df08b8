"""How often a name may fail to sign in from one address: ten times in a quarter of an hour.

Attempts are rows of the database, so all processes count together and a restart forgets nothing.
An attempt is written before the password is looked at: many at once cannot outrun the count.
"""

import hashlib
import ipaddress
import logging
import math
import unicodedata
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from organizations.audit import record
from organizations.models import SignInAttempt, User

LIMIT = 10
WINDOW = timedelta(minutes=15)
_IPV6_NETWORK = 64  # what one customer has: they may choose any address of it
log = logging.getLogger(__name__)


class TooManyAttemptsError(Exception):
    """No more attempts for now. `wait` says for how many seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many failed sign-ins; {wait} seconds to wait.")
        self.wait = wait


def count_attempt(name: str, address: str) -> int:
    """Note that somebody tries to sign in; return how many tries that makes.

    Raises TooManyAttemptsError, the same whether or not somebody has this name.
    """
    now = timezone.now()
    SignInAttempt.objects.filter(at__lte=now - WINDOW).delete()
    made = SignInAttempt.objects.create(digest=_digest(name, address), at=now)
    tries = list(
        SignInAttempt.objects.filter(digest=made.digest).order_by("-at", "-pk")[: LIMIT + 1]
    )
    if len(tries) <= LIMIT:
        return len(tries)
    made.delete()  # what was refused was no try: whoever waits need not wait longer
    end = tries[LIMIT].at + WINDOW
    raise TooManyAttemptsError(max(1, math.ceil((end - now).total_seconds())))


def forget(name: str, address: str) -> None:
    """Start counting anew: somebody signed in."""
    SignInAttempt.objects.filter(digest=_digest(name, address)).delete()


def tell_if_last(name: str, address: str, tries: int) -> None:
    """Note, where a failed try was the last one for now, that the name must wait at this address.

    The audit trail of each organization that the person belongs to says so. The log says it of
    every name, and never which: people type passwords into the wrong field.
    """
    if tries < LIMIT:
        return
    log.warning("A name failed to sign in %s times from %s and has to wait.", tries, address)
    user = User.objects.filter(username=name).first()
    for membership in user.memberships.select_related("organization") if user else ():
        changes: dict[str, Any] = {"address": address, "failures": tries}
        record("sign_in.held", organization=membership.organization, obj=user, changes=changes)


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from; behind a trusted proxy, what that one says."""
    address: str = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY:
        # The last one is the proxy's own word; those before it are anybody's.
        address = request.META.get("HTTP_X_FORWARDED_FOR", address).rpartition(",")[2].strip()
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "an unknown address"
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))


def _digest(name: str, address: str) -> str:
    same = unicodedata.normalize("NFKC", name).strip().casefold()
    return hashlib.sha256(f"{address}\n{same}".encode(errors="surrogatepass")).hexdigest()
