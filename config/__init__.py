"""Settings, URLs and the Celery application of Countinghouse."""

# Celery's shared_task decorator needs the app to exist in every process that sends a task.
from config.celery import app as celery_app

__all__ = ["celery_app"]
