"""Real servers for the demo, the tests and the benchmarks, without root or a service manager.

They serve a laptop, never production: production names its own in DATABASE_URL and
CELERY_BROKER_URL.
"""
