"""`python -m demo.aws --port N [--empty]`: the pretend AWS, until SIGINT or SIGTERM."""

import argparse
import signal
import sys
import threading
import time

from demo.aws.app import PretendAws
from demo.aws.server import make


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.aws", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--empty", action="store_true", help="without the sample company")
    options = parser.parse_args()
    started = time.monotonic()
    app = PretendAws()
    try:
        server = make(app, options.port, options.host)
    except OSError as error:
        print(f"The pretend AWS cannot listen on {options.host}:{options.port}: {error}")
        return 1
    endpoint = f"http://{options.host}:{server.server_port}"
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def build_company() -> None:
        from demo.aws.company import build  # noqa: PLC0415 - slow; most tests never need it

        build(app, endpoint)

    app.build_company = build_company
    if not options.empty:
        build_company()
    app.ready.set()
    print(f"Pretend AWS ready at {endpoint} ({time.monotonic() - started:.1f} s)", flush=True)
    stopped.wait()
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
