"""The pretend AWS as a WSGI application: gate and faults in front, then our services or moto's."""

import http
import json
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.organizations import utils as organizations_utils

from demo.aws import moto_gaps
from demo.aws.calls import Call, Environ, read_call
from demo.aws.cur import ReportDefinitions
from demo.aws.data_exports import DataExports
from demo.aws.errors import Answer, AwsError, error_answer, json_answer, written
from demo.aws.faults import Faults, spoilt
from demo.aws.gate import admit, denial, may
from demo.aws.identity import Principal, end_sessions, plant_access_key
from demo.aws.journal import Journal

StartResponse = Callable[..., Any]


class PretendAws:
    """State of one pretend AWS. moto's own state is global to the process, so: one a process."""

    def __init__(self) -> None:
        self.reports = ReportDefinitions()
        self.exports = DataExports()
        self.faults = Faults()
        self.journal = Journal()
        self.ready = threading.Event()
        self.build_company: Callable[[], None] | None = None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._account_ids: list[str] = []
        self._random_account_id = organizations_utils.make_random_account_id
        organizations_utils.make_random_account_id = self._next_account_id

    def reset(self) -> None:
        """Forget everything but moto's state, which its own reset forgets."""
        for part in (self.reports, self.exports, self.faults, self.journal):
            part.reset()
        self._account_ids.clear()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        reason = http.HTTPStatus(answer.status).phrase
        start_response(f"{answer.status} {reason}", answer.headers)
        yield answer.body
        promised = int(dict(answer.headers).get("Content-Length", len(answer.body)))
        if environ["REQUEST_METHOD"] != "HEAD" and promised > len(answer.body):
            connection: socket.socket = environ["werkzeug.socket"]
            connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, environ: Environ) -> Answer:
        path = environ["PATH_INFO"]
        if path.startswith("/pretend/"):
            return self._control(environ, path.removeprefix("/pretend/"))
        if path.startswith("/moto-api"):
            if path == "/moto-api/reset":
                self.reset()
            return self._from_moto(environ)
        call = read_call(environ)
        if call is None:
            error = AwsError("AccessDenied", "Anonymous requests are refused here.", 403)
            anonymous = Call("s3", "", "", "", "", dialect="s3")
            return error_answer(error, anonymous)
        page = self.journal.page
        answer = self._answer_call(environ, call)
        self.journal.note(page, call, answer.status)
        return answer

    def _answer_call(self, environ: Environ, call: Call) -> Answer:
        try:
            principal = admit(environ, call)
            fault = self.faults.strike(call)
            answer = self._serve(environ, call, principal)
        except AwsError as error:
            return error_answer(error, call, head=environ["REQUEST_METHOD"] == "HEAD")
        return spoilt(fault, answer) if fault is not None else answer

    def _serve(self, environ: Environ, call: Call, principal: Principal) -> Answer:
        for own in (self.reports, self.exports):
            if call.service == own.service:
                return json_answer(200, own.handle(call))
        replaced = moto_gaps.replaced(call, is_root=principal.is_root)
        if replaced is not None:
            content_type = "application/xml" if call.service == "s3" else "text/xml"
            return written(200, content_type, replaced)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account_id
        moto_gaps.own_snapshots_only(environ, call)
        answer = self._from_moto(environ)
        missing_key = answer.status == 404 and call.service == "s3" and call.key
        if missing_key and not may(principal, call, "s3:ListBucket"):
            # Whether a key exists is told only to those who may list the bucket.
            raise denial(call, principal, "s3:ListBucket")
        if answer.status == 200 and moto_gaps.is_unpaged_list(call):
            return written(200, "text/xml", moto_gaps.page_of_list(call, answer.body))
        return answer

    def _from_moto(self, environ: Environ) -> Answer:
        seen: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            seen[:] = [int(status.split(maxsplit=1)[0]), headers]

        chunks = self._moto(environ, start_response)
        body = b"".join(chunks)
        status, headers = seen
        if environ["REQUEST_METHOD"] != "HEAD":
            headers = [(k, v) for k, v in headers if k.lower() != "content-length"]
            headers.append(("Content-Length", str(len(body))))
        return Answer(status, headers, body)

    def _next_account_id(self) -> str:
        return self._account_ids.pop(0) if self._account_ids else self._random_account_id()

    def name_next_accounts(self, account_ids: list[str]) -> None:
        """The ids that organizations:CreateAccount gives next, which AWS would choose.

        For an organization that exists: moto takes an id to make one, too.
        """
        self._account_ids.extend(account_ids)

    def _control(self, environ: Environ, what: str) -> Answer:
        method = environ["REQUEST_METHOD"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if (method, what) == ("GET", "ready"):
            ready = self.ready.is_set()
            return json_answer(200 if ready else 503, {"ready": ready})
        route = self._routes().get((method, what))
        if route is None:
            return json_answer(404, {"error": f"{method} /pretend/{what} is not known."})
        try:
            return json_answer(200, route(body))
        except (TypeError, ValueError, KeyError) as error:
            return json_answer(400, {"error": str(error)})

    def _routes(self) -> dict[tuple[str, str], Callable[[bytes], Any]]:
        return {
            ("GET", "faults"): lambda _: self.faults.listed(),
            ("POST", "faults"): self.faults.add,
            ("DELETE", "faults"): lambda _: self.faults.reset(),
            ("GET", "requests"): lambda _: self.journal.summary(),
            ("DELETE", "requests"): lambda _: self.journal.reset(),
            ("POST", "expire-sessions"): lambda _: {"expired": end_sessions()},
            ("POST", "account-ids"): lambda body: self.name_next_accounts(json.loads(body)),
            ("POST", "access-keys"): lambda body: plant_access_key(**json.loads(body)),
            ("POST", "executions"): lambda body: self.exports.record_execution(**json.loads(body)),
            ("POST", "company"): lambda _: self._build_company(),
        }

    def _build_company(self) -> None:
        if self.build_company is None:
            raise ValueError("This pretend AWS was started without the sample company's builder.")
        moto_api_backend.reset()
        self.reset()
        self.build_company()
