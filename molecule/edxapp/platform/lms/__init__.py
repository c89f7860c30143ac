"""The learning management system. Celery's application is made before any code that names tasks."""

from .celery import APP as CELERY_APP

__all__ = ["CELERY_APP"]
