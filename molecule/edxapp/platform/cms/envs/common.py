"""Defaults of Studio. Facts: edx-platform cms/envs/common.py and, for ALTERNATE_ENV_TASKS, cms/envs/production.py."""

from openedx.envs import common

globals().update({name: value for name, value in vars(common).items() if name.isupper()})

ROOT_URLCONF = "cms.urls"
WSGI_APPLICATION = "cms.wsgi.application"
MODULESTORE_BRANCH = "draft-preferred"
QUEUE_VARIANT = "cms."
DEFAULT_PRIORITY_QUEUE = "edx.cms.core.default"
HIGH_PRIORITY_QUEUE = "edx.cms.core.high"
CELERY_DEFAULT_QUEUE = DEFAULT_PRIORITY_QUEUE
CELERY_DEFAULT_ROUTING_KEY = DEFAULT_PRIORITY_QUEUE
CELERY_QUEUES = {DEFAULT_PRIORITY_QUEUE: {}, HIGH_PRIORITY_QUEUE: {}}
# A publish in Studio has the structure rebuilt by a worker of the LMS.
ALTERNATE_ENV_TASKS = {
    "openedx.core.djangoapps.content.block_structure.tasks.update_course_in_cache": "lms",
    "openedx.core.djangoapps.content.block_structure.tasks.update_course_in_cache_v2": "lms",
}
