"""`make demo-reset`: empty the demo's folder, unless a demo runs on it."""

import shutil
import sys

from demo.folder import Busy, Folder


def main() -> int:
    folder = Folder.of_this_checkout()
    if not folder.path.exists():
        print("There is no demo data.")
        return 0
    try:
        folder.claim()
    except Busy as busy:
        print(busy, file=sys.stderr)
        return 1
    shutil.rmtree(folder.path)
    print("The demo's data is gone; `make demo` starts afresh.")
    print("(A database that you named in DATABASE_URL was not touched.)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
