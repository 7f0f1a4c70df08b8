"""The pretend AWS: moto's server with billing exports, honest credentials and faults on demand.

`python -m demo.aws --port N` has the sample company, with `--empty` nothing. Besides AWS's own APIs
it answers (JSON in, JSON out):

    GET    /pretend/ready            200 when the company is built, else 503
    POST   /moto-api/reset           forget everything
    POST   /pretend/company          forget everything and build the sample company
    GET POST DELETE /pretend/faults  see faults.py
    GET DELETE /pretend/requests     see journal.py
    POST   /pretend/expire-sessions  every session of every role expires now
    POST   /pretend/account-ids      ["222233334444"]: the ids of the next accounts of organizations
    POST   /pretend/access-keys      {"account_id", "user_name", "key_id", "secret"}: a chosen key
    POST   /pretend/executions       {"account_id", "arn", "execution_id", "at"}: delivered

Every call is checked for key, signature, region and permission; credentials.py has root keys.
"""

import os
from pathlib import Path

# moto reads these when it is imported. Its own AMIs would bring some 40 foreign snapshots a region.
os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).with_name("images.json")))
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
