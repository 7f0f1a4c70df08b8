"""`python -m demo`: the demo in the foreground."""

import sys

from demo.supervisor import main

sys.exit(main())
