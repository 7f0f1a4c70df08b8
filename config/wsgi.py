"""The WSGI application: `gunicorn config.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from config.encodings import OnlyUtf8

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = OnlyUtf8(get_wsgi_application())
