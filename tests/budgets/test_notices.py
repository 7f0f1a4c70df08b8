"""Webhooks against a real server, and what becomes of messages that cannot be sent."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.core import mail
from django.utils import timezone
from pytest_django.fixtures import Settings

from billing.budgets import notices, services, webhooks
from billing.budgets.inputs import BudgetError, Threshold
from billing.budgets.models import AlertNotice, Channel, NoticeState
from tests.budgets.world import A_DAY, bill, budget, days_so_far, first_of_month, payer_of
from tests.cast import Cast

pytestmark = pytest.mark.django_db
SECRET = "sixteen or more characters"


@dataclass
class Receiver:
    """A server that somebody else runs: what it got, and how it answers."""

    url: str
    server: ThreadingHTTPServer
    status: int = 204
    location: str = ""
    hangs: threading.Event | None = None
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append((self.path, dict(self.headers), body))
            if made.hangs is not None:
                made.hangs.wait(30)
                return
            self.send_response(made.status)
            if made.location:
                self.send_header("Location", made.location)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(f"http://127.0.0.1:{server.server_port}/hook?team=a", server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    if made.hangs is not None:
        made.hangs.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def crossed(cast: Cast, receiver: Receiver, settings: Settings) -> Any:
    """A budget that was just crossed: one letter and one webhook wait."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    bill(payer_of(cast.acme))
    return budget(
        cast.acme,
        amount=Decimal(1),
        thresholds=(Threshold(100, "actual"),),
        webhook_url=receiver.url,
        webhook_secret=SECRET,
    )


def notice_of(channel: Channel) -> AlertNotice:
    found: AlertNotice = AlertNotice.objects.get(channel=channel)
    return found


def send_webhook() -> AlertNotice:
    notices.send(notice_of(Channel.WEBHOOK).pk)
    return notice_of(Channel.WEBHOOK)


def test_a_webhook_is_told_exactly_and_signed(crossed: Any, receiver: Receiver) -> None:
    notice = send_webhook()

    ((path, headers, body),) = receiver.got
    assert path == "/hook?team=a"
    told = json.loads(body)
    assert told["event"] == "budget.threshold_crossed"
    assert told["organization"] == "acme"
    assert told["budget"]["id"] == crossed.pk
    assert told["threshold"] == {"percent": 100, "basis": "actual"}
    assert Decimal(told["actual"]) == A_DAY * days_so_far()
    assert told["budget_amount"] == "1"
    assert told["period"]["from"] == first_of_month().isoformat()
    signed = headers["Countinghouse-Timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Countinghouse-Signature"] == f"v1={expected}"
    assert headers["Countinghouse-Delivery"] == str(notice.pk) == str(told["id"])
    assert (notice.state, notice.error) == (NoticeState.SENT, "")
    assert SECRET not in body.decode() + str(headers)


def test_a_notice_that_was_sent_is_not_sent_again(crossed: Any, receiver: Receiver) -> None:
    for _ in range(3):
        send_webhook()
    notices.send_due()

    assert len(receiver.got) == 1


def test_a_webhook_that_fails_holds_up_no_letter(crossed: Any, receiver: Receiver) -> None:
    receiver.status = 500

    for pk in AlertNotice.objects.order_by("-pk").values_list("pk", flat=True):
        notices.send(pk)

    assert len(mail.outbox) == 1
    assert notice_of(Channel.MAIL).state == NoticeState.SENT
    webhook = notice_of(Channel.WEBHOOK)
    assert webhook.state == NoticeState.PENDING
    assert webhook.error == "127.0.0.1 answered 500."


def test_it_is_tried_again_later_and_given_up_after_a_while(
    crossed: Any, receiver: Receiver
) -> None:
    receiver.status = 503
    waits = []
    for _ in range(20):
        AlertNotice.objects.update(due_at=timezone.now())
        before = timezone.now()
        notice = send_webhook()
        if notice.state == NoticeState.FAILED:
            break
        waits.append(notice.due_at - before)
        assert not notices.send(notice.pk), "not before its time"

    assert notice.state == NoticeState.FAILED
    assert len(receiver.got) == notice.attempts == len(notices.RETRY_AFTER) + 1
    assert waits == sorted(waits)
    assert waits[0] >= timedelta(seconds=60)


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_refusal_is_final(crossed: Any, receiver: Receiver, status: int) -> None:
    receiver.status = status

    assert send_webhook().state == NoticeState.FAILED


def test_a_redirect_is_not_followed(crossed: Any, receiver: Receiver) -> None:
    receiver.status, receiver.location = 302, receiver.url

    notice = send_webhook()

    assert notice.state == NoticeState.FAILED
    assert "redirect" in notice.error
    assert len(receiver.got) == 1


@pytest.mark.parametrize("limit", ["CONNECT_SECONDS", "WHOLE_SECONDS"])
def test_a_server_that_hangs_is_left(
    crossed: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    receiver.hangs = threading.Event()
    monkeypatch.setattr(webhooks, limit, 0.2)

    notice = send_webhook()

    assert notice.state == NoticeState.PENDING
    assert "did not answer" in notice.error


def test_nobody_listens(crossed: Any, receiver: Receiver) -> None:
    AlertNotice.objects.filter(channel=Channel.WEBHOOK).update(target="http://127.0.0.1:1/")

    notice = send_webhook()

    assert notice.error == "127.0.0.1 did not answer (ConnectionRefusedError)."
    assert notice.state == NoticeState.PENDING


def test_a_server_inside_is_never_reached(
    crossed: Any, receiver: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    port = receiver.url.rpartition(":")[2]
    for host in ("localhost", "127.0.0.1", "127.1", "[::1]", "0.0.0.0", "2130706433", "0x7f.1"):  # noqa: S104
        AlertNotice.objects.filter(channel=Channel.WEBHOOK).update(
            target=f"https://{host}:{port}",
            state=NoticeState.PENDING,
            attempts=0,
            due_at=timezone.now(),
        )
        notice = send_webhook()
        assert notice.state == NoticeState.FAILED, host
        assert "public internet" in notice.error

    assert receiver.got == []


def test_a_name_with_one_address_inside_is_not_called(
    crossed: Any, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))
        for address in ("93.184.215.14", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: found)
    AlertNotice.objects.update(target=f"https://hooks.example.com:{port}/")

    notice = send_webhook()

    assert notice.state == NoticeState.FAILED
    assert "public internet" in notice.error
    assert receiver.got == []


@pytest.mark.parametrize(
    "name_and_error", [("localhost", ""), ("other.example", "not valid for it")]
)
def test_over_tls_the_certificate_must_be_that_of_the_name(
    crossed: Any,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name_and_error: tuple[str, str],
) -> None:
    name, error = name_and_error
    certificate = certificate_for(name, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    # The server listens on IPv4 alone.
    port = receiver.server.server_port
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: found)
    AlertNotice.objects.update(target=f"https://localhost:{port}/")

    notice = send_webhook()

    assert error in notice.error
    assert notice.state == (NoticeState.PENDING if error else NoticeState.SENT)
    assert len(receiver.got) == (0 if error else 1)


def certificate_for(name: str, folder: Path) -> Path:
    """A certificate that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = timezone.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    return path


def test_the_documented_check_accepts_what_is_sent_and_nothing_else(
    crossed: Any, receiver: Receiver
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    example: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], example)  # noqa: S102 - our own page
    is_genuine = example["is_genuine"]
    send_webhook()
    _, headers, body = receiver.got[0]

    assert is_genuine(SECRET, headers, body)
    assert not is_genuine("another secret of the house", headers, body)
    assert not is_genuine(SECRET, headers, body + b" ")
    old = {**headers, "Countinghouse-Timestamp": "1700000000"}
    assert not is_genuine(SECRET, old, body)
    documented = json.loads(text.partition("```json\n")[2].partition("```")[0])
    assert set(documented) == set(json.loads(body))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https://10.0.0.1/",
        "https://172.16.3.4/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://192.0.0.192/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[64:ff9b::a00:1]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[::10.0.0.1]/",
        "https://[::ffff:0:a00:1]/",
        "https://[fec0::1]/",
        "https://[2002:a00:1::]/",
        "https://224.0.0.1/",
        "https://user:pass@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://example.com:0/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: other",
        "https://example.com\\@10.0.0.1/",
        "https://[::1/",
        "not an address",
        "https://exämple.com/",
        "https://example.com/" + "x" * 500,
    ],
)
def test_an_address_that_is_never_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(webhooks.WebhookError) as refused:
        webhooks.read_url(url)
    assert refused.value.is_final


def test_public_addresses_are_called() -> None:
    target = webhooks.read_url("https://hooks.example.com:8443/a/b?c=d")

    assert (target.host, target.port, target.path) == ("hooks.example.com", 8443, "/a/b?c=d")
    assert target.host_header == "hooks.example.com:8443"


def test_a_letter_that_the_mail_server_refuses_waits(crossed: Any, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    notices.send(notice_of(Channel.MAIL).pk)

    notice = notice_of(Channel.MAIL)
    assert notice.state == NoticeState.PENDING
    assert "did not take the letter" in notice.error


def test_what_a_dead_worker_had_is_sent_after_all(crossed: Any, receiver: Receiver) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    AlertNotice.objects.update(state=NoticeState.SENDING, claimed_at=long_ago, attempts=1)

    assert notices.send_due() == 2
    assert send_webhook().state == NoticeState.SENT


def test_what_kills_each_worker_is_given_up(crossed: Any) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    tried = len(notices.RETRY_AFTER) + 1
    AlertNotice.objects.update(state=NoticeState.SENDING, claimed_at=long_ago, attempts=tried)

    assert notices.send_due() == 0
    assert {one.state for one in AlertNotice.objects.all()} == {NoticeState.FAILED}


def test_an_address_that_no_letter_can_go_to_is_said(crossed: Any) -> None:
    AlertNotice.objects.filter(channel=Channel.MAIL).update(target=f"ann@{'ä' * 60}.com")

    notices.send(notice_of(Channel.MAIL).pk)

    notice = notice_of(Channel.MAIL)
    assert (notice.state, "AddressError" in notice.error) == (NoticeState.PENDING, True)


def test_a_test_alert_goes_to_everybody_and_counts_as_none(
    cast: Cast, crossed: Any, receiver: Receiver
) -> None:
    AlertNotice.objects.all().delete()
    assert services.send_test(crossed) == 2

    for pk in AlertNotice.objects.values_list("pk", flat=True):
        notices.send(pk)

    assert mail.outbox[0].subject.startswith("Test: ")
    assert "This is a test" in mail.outbox[0].body
    assert json.loads(receiver.got[0][2])["event"] == "budget.test"
    with pytest.raises(BudgetError, match="Wait a minute"):
        services.send_test(crossed)


def test_a_test_without_anybody_to_tell_is_refused(cast: Cast) -> None:
    made = budget(cast.acme, recipients=())

    with pytest.raises(BudgetError):
        services.send_test(made)
    assert not AlertNotice.objects.exists()


def test_a_secret_that_no_key_opens_is_said(
    crossed: Any, receiver: Receiver, settings: Settings
) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    notice = send_webhook()
    assert notice.state == NoticeState.FAILED
    assert "enter it again" in notice.error
    assert not receiver.got
