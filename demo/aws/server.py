"""The pretend AWS over real HTTP: in a thread, or as the process that `python -m demo.aws` is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from demo.aws.app import PretendAws


class QuietHandler(MotoRequestHandler):
    """No line on the terminal for each of the thousands of requests; errors still show."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code) == "500":
            super().log_request(code, size)


@dataclass(frozen=True)
class Running:
    app: PretendAws
    endpoint: str


def make(app: PretendAws, port: int, host: str = "127.0.0.1") -> BaseWSGIServer:
    """A server that listens already; port 0 takes a free one. Raises OSError for a taken port."""
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)


@contextmanager
def running(port: int = 0) -> Iterator[Running]:
    """An empty pretend AWS in a thread of this process."""
    app = PretendAws()
    server = make(app, port)
    app.ready.set()
    thread = threading.Thread(target=server.serve_forever, name="pretend-aws", daemon=True)
    thread.start()
    try:
        yield Running(app, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
