"""One signed request to an address that somebody typed: it must not reach into our own network.

The name is resolved once, every address it has must be public, and the connection is made to one of
those very addresses, so that a second answer of the name server changes nothing. Redirects are
never followed and proxies never asked. docs/webhooks.md describes it for receivers.
"""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_SECONDS = 10
WHOLE_SECONDS = 20
MAX_URL = 500
_HTTPS, _HTTP = 443, 80
_PASSING = frozenset({408, 425, 429})
# IPv4 for protocols, and for what clouds tell their own machines; older Pythons call it global.
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")
# The only part of IPv6 that is given to the internet, whatever else a Python calls global.
_INTERNET = ipaddress.ip_network("2000::/3")
# Addresses in it that stand for an IPv4 address which a gateway unpacks.
_GATEWAYS = tuple(ipaddress.ip_network(net) for net in ("2002::/16", "2001::/32"))


class WebhookError(Exception):
    """Why a webhook was not delivered; `is_final` when trying again cannot help."""

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self.message = message
        self.is_final = is_final


@dataclass(frozen=True)
class Target:
    """Where a webhook goes."""

    is_secure: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """Return the Host header: the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _HTTPS if self.is_secure else _HTTP
        return host if self.port == usual else f"{host}:{self.port}"


def read_url(url: str) -> Target:
    """Return what the address means. Raises WebhookError for one that is never called."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _refused(f"Write the address in at most {MAX_URL} plain characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("This is not an address. Write https://host/path.") from None
    private_too = settings.WEBHOOK_ALLOW_PRIVATE
    if parts.scheme != "https" and not (private_too and parts.scheme == "http"):
        raise _refused("The address must begin with https://.")
    host = parts.hostname or ""
    if not host or "\\" in url or port == 0:
        raise _refused("This is not an address. Write https://host/path.")
    if "@" in parts.netloc:
        raise _refused("Leave name and password out of the address; every message is signed.")
    if parts.fragment:
        raise _refused("Leave out what follows “#”: it is never sent.")
    literal = _literal(host)
    if literal is not None and not private_too and not is_public(literal):
        raise _refused(f"{host} is not an address of the public internet.")
    is_secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_secure, host, port or (_HTTPS if is_secure else _HTTP), path)


def host_only(url: str) -> str:
    """Return the address without its path, which is a secret with many receivers; '' of none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…" if url else ""


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Say whether an address belongs to the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _INTERNET or any(address in network for network in _GATEWAYS):
            return False
    elif address in _PROTOCOLS:
        return False
    return address.is_global and not address.is_multicast


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of `<timestamp>.<body>`."""
    message = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Send the body once. Raises WebhookError unless the answer is 2xx."""
    target = read_url(url)
    address = _resolve(target)
    connection = _Connection(target, address)
    # A timeout holds for each read; this ends an answer that comes in drops.
    guard = threading.Timer(WHOLE_SECONDS, connection.abort)
    guard.daemon = True
    guard.start()
    try:
        connection.request("POST", target.path, body, {"Host": target.host_header, **headers})
        status = connection.getresponse().status
    except ssl.SSLCertVerificationError:
        raise WebhookError(
            f"The certificate of {target.host} is not valid for it.", is_final=False
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise WebhookError(
            f"{target.host} did not answer ({type(error).__name__}).", is_final=False
        ) from None
    finally:
        guard.cancel()
        connection.close()
    _judge(target, status)


def _judge(target: Target, status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise _refused(
            f"{target.host} answered {status}, a redirect. Give the address that it leads to."
        )
    is_final = 400 <= status < 500 and status not in _PASSING
    raise WebhookError(f"{target.host} answered {status}.", is_final=is_final)


def _resolve(target: Target) -> str:
    """Return an address of the host. Raises WebhookError where one of them is not public."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WebhookError(
            f"The name {target.host} is not known to the name server.", is_final=False
        ) from None
    addresses = [str(one[4][0]) for one in found]
    for text in addresses:
        address = _literal(text)
        if not settings.WEBHOOK_ALLOW_PRIVATE and (address is None or not is_public(address)):
            raise _refused(f"{target.host} is not in the public internet: nothing was sent.")
    return addresses[0]


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _refused(message: str) -> WebhookError:
    return WebhookError(message, is_final=True)


class _Connection(http.client.HTTPConnection):
    """A connection to one resolved address; over TLS the certificate is that of the name."""

    def __init__(self, target: Target, address: str) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT_SECONDS)
        self.target = target
        self.address = address

    def connect(self) -> None:
        """Connect to the address that was checked, never to the name."""
        raw = socket.create_connection((self.address, self.target.port), CONNECT_SECONDS)
        self.sock: Any = raw
        if self.target.is_secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(raw, server_hostname=self.target.host)

    def abort(self) -> None:
        """End the exchange from another thread: whoever reads sees a closed connection."""
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already
