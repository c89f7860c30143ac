"""Defaults of the LMS. Facts: edx-platform lms/envs/common.py."""

from openedx.envs import common

globals().update({name: value for name, value in vars(common).items() if name.isupper()})

ROOT_URLCONF = "lms.urls"
WSGI_APPLICATION = "lms.wsgi.application"
MODULESTORE_BRANCH = "published-only"
QUEUE_VARIANT = "lms."
DEFAULT_PRIORITY_QUEUE = "edx.lms.core.default"
HIGH_PRIORITY_QUEUE = "edx.lms.core.high"
CELERY_DEFAULT_QUEUE = DEFAULT_PRIORITY_QUEUE
CELERY_DEFAULT_ROUTING_KEY = DEFAULT_PRIORITY_QUEUE
CELERY_QUEUES = {DEFAULT_PRIORITY_QUEUE: {}, HIGH_PRIORITY_QUEUE: {}}
