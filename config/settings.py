"""All settings, read from the environment (README, "Configuration")."""

from pathlib import Path
from typing import Any

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF

from config import env

# Lets `ModelAdmin[Connection]` and the like be written at run time as the type checker reads them.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.text("SECRET_KEY")
FIELD_KEYS = env.names("FIELD_KEYS")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS", "")

INSTALLED_APPS = [
    "config.apps.CountinghouseAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_celery_beat",
    "django.contrib.postgres",
    "csp",
    "organizations",
    "connections",
    "billing",
    "discovery",
    "config.apps.ConfigConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "organizations.audit.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        env.text("DATABASE_URL"), conn_max_age=60, conn_health_checks=True
    ),
}
# Compiling a query over a year's bills takes PostgreSQL as long as answering it, and what it groups
# them by fits into no 4 MB.
_database_options = DATABASES["default"].setdefault("OPTIONS", {})
_database_options["options"] = " ".join(
    ["-c jit=off -c work_mem=16MB", *filter(None, [_database_options.get("options")])]
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "organizations.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"

# Money and days are shown the same way to everybody; AWS bills in UTC days.
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}

# --- Security ---------------------------------------------------------------------------------
# HTTPS is on by default; a portal that is only reached over plain HTTP (the demo) says so.
HTTPS = env.flag("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# One proxy stands in front, and says how it was reached and by whom.
TRUST_PROXY = env.flag("TRUST_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# --- API --------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "organizations.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # Closed unless a view opens itself: views derive from organizations.api_base.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["organizations.json_bodies.TextJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "organizations.api_schema.CallSchema",
    "DEFAULT_THROTTLE_CLASSES": ["organizations.throttling.RequestRate"],
    "EXCEPTION_HANDLER": "organizations.api_base.problem_response",
    "COERCE_DECIMAL_TO_STRING": True,
    # `format` is a parameter of single calls, with their own values.
    "URL_FORMAT_OVERRIDE": None,
}
# Requests a minute that one token may send; 0: as many as it likes.
API_RATE = env.number("API_RATE", 600)
SPECTACULAR_SETTINGS = {
    "TITLE": "Countinghouse API",
    "VERSION": "1",
    "DESCRIPTION": "AWS connections, imports, costs and resources of one organization.",
    "OAS_VERSION": "3.1.0",  # its schemas are JSON Schema, null included
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.with_problems",
        "config.schema.with_examples",
    ],
    "ENUM_NAME_OVERRIDES": {
        "IntervalEnum": "connections.models.Interval",
        "RunStateEnum": "organizations.runs.RunState",
    },
}

# --- Background work --------------------------------------------------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL")
CELERY_TASK_IGNORE_RESULT = True  # a Run row is the result
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 3 * 3600
# Redis and Valkey deliver a task again after this time even while it runs: keep it above the limit.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 2 * CELERY_TASK_TIME_LIMIT,
    "unacked_restore_interval": 10,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Whoever sends a task waits little for a broker that is away: every task is sent again by schedule.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Requests are counted by all processes together where the broker is Valkey or Redis, else by each
# for itself. Pages need no cache but their process's own.
_LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
_SHARED = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": CELERY_BROKER_URL,
    "KEY_PREFIX": "countinghouse",
    "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
}
CACHES: dict[str, dict[str, Any]] = {
    "default": _LOCAL,
    "requests": _SHARED if CELERY_BROKER_URL.startswith(("redis://", "rediss://")) else _LOCAL,
}

# Which organizations (slugs) may connect an account as the portal's own machine; `*`: all of them.
AMBIENT_ORGANIZATIONS = env.names("AMBIENT_ORGANIZATIONS", "*")

# --- Mail -------------------------------------------------------------------------------------
# Where people reach the portal: what links in letters begin with.
PORTAL_URL = env.text("PORTAL_URL", "http://localhost:8000").rstrip("/")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "countinghouse@localhost")
# Letters become files in this folder instead of being sent (the demo).
EMAIL_FILE_PATH = env.text("EMAIL_FOLDER", "")
if EMAIL_FILE_PATH:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"

# Webhooks may go to private addresses and without TLS: for a trial on one machine, never else.
WEBHOOK_ALLOW_PRIVATE = env.flag("WEBHOOK_ALLOW_PRIVATE")

# Where billing files lie while they are read; emptied after each run. Needs room for one month.
SPOOL_DIR = Path(env.text("SPOOL_DIR", "/tmp/countinghouse"))  # noqa: S108 - a default, 0700 below
# Larger files are fetched in parts of this size, side by side.
SPOOL_PART_BYTES = 16 << 20

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    # botocore's debug log prints signed headers.
    "loggers": {"botocore": {"level": "WARNING"}, "urllib3": {"level": "WARNING"}},
}
