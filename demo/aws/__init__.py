"""The pretend AWS: moto's server with billing exports, honest credentials and faults on demand."""

import os
from pathlib import Path

# moto reads these when it is imported. Its own AMIs would bring some 40 foreign snapshots a region.
os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).with_name("images.json")))
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
