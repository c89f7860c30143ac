"""Celery of the LMS: `celery --app lms worker`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lms.envs.production")
from openedx.core.lib.celery import APP

__all__ = ["APP"]
