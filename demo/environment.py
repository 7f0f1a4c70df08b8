"""The environment of the demo's processes, and the shell file that hands it to a terminal."""

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet

from demo.aws.credentials import PORTAL_ACCESS_KEY_ID, PORTAL_SECRET_ACCESS_KEY
from demo.folder import Folder

# What a process keeps of the user's shell. Everything else stays out: above all the user's AWS
# credentials, PG* variables and proxies, which would reach for real accounts.
_KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TERM"),
    *("NO_COLOR", "LOG_LEVEL", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE"),
)
# What must not be left in a terminal that sources the shell file.
_AMBIENT = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",),
    *("DATABASE_URL_FILE", "CELERY_BROKER_URL_FILE", "SECRET_KEY_FILE", "FIELD_KEYS_FILE"),
)


def portal_settings(
    folder: Folder, *, database_url: str, broker_url: str, aws_endpoint: str, port: int
) -> dict[str, str]:
    """Return the settings of the demo's portal by environment variable."""
    spool = folder.path / "spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url,
        **_keys(folder),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "DEBUG": "false",
        "HTTPS": "false",
        "SPOOL_DIR": str(spool),
        "STATIC_ROOT": str(folder.path / "static"),
        "PORTAL_URL": f"http://127.0.0.1:{port}",
        "EMAIL_FOLDER": str(folder.path / "mail"),
        "WEBHOOK_ALLOW_PRIVATE": "true",
        **aws_settings(aws_endpoint),
        # The identity of the machine itself: the roles of the member accounts trust it.
        "AWS_ACCESS_KEY_ID": PORTAL_ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": PORTAL_SECRET_ACCESS_KEY,
    }


def aws_settings(endpoint: str) -> dict[str, str]:
    """Return the variables that send botocore to the pretend AWS, and to no real account ever."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def process_environment(folder: Folder, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of one of the demo's processes."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # COUNTINGHOUSE_DEMO tells in a process list which demo a process belongs to.
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        "COUNTINGHOUSE_DEMO": str(folder.path),
        **settings,
    }


def write_shell_file(folder: Folder, settings: Mapping[str, str]) -> Path:
    """Write `.demo/env`, to be sourced by a shell: `. .demo/env`."""
    cleared = "".join(f"unset {name}\n" for name in _AMBIENT)
    exported = "".join(f"export {name}={shlex.quote(settings[name])}\n" for name in settings)
    return folder.write_secret("env", cleared + exported)


def _keys(folder: Folder) -> dict[str, str]:
    """Return the demo's keys, made once: what they encrypted must stay readable."""
    path = folder.path / "keys.json"
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "FIELD_KEYS": Fernet.generate_key().decode(),
        }
        folder.write_secret(path.name, json.dumps(made))
    keys: dict[str, str] = json.loads(path.read_text())
    return keys
