#!/usr/bin/env python
"""Django's command line for Countinghouse."""

import gc
import logging
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # What start-up makes lives on; looking for garbage in it takes a sixth of the time of starting.
    # The last app to be ready (config.apps) begins to look.
    gc.disable()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)
    # The kernel takes all of a process at once; Python would first take each object apart, which is
    # a twentieth of a small import. Commands have closed their connections by now.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
