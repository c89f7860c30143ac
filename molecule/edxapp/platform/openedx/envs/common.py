"""Defaults of both systems, before any YAML. Facts: edx-platform lms/envs/common.py, in extracts."""

import release_rows

DEBUG = False
SECRET_KEY = "changed by the YAML"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
CELERY_TIMEZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
FEATURES = {}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "waffle",
    "config_models",
    "rest_framework",
    "common.djangoapps.split_modulestore_django",
    "common.djangoapps.student",
    "xmodule.modulestore",
    "openedx.core.djangoapps.content.block_structure",
    "openedx.core.djangoapps.heartbeat",
    "sandbox",
]
MIDDLEWARE = [
    "edx_django_utils.cache.middleware.RequestCacheMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "edx_django_utils.cache.middleware.TieredCacheMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "/static/"
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
SESSION_COOKIE_HTTPONLY = True

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/edx/var/edxapp/edxapp.sqlite3"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "KEY_PREFIX": "default"}}

DATA_DIR = "/edx/var/edxapp/data"
MEDIA_ROOT = "/edx/var/edxapp/media/"
MEDIA_URL = "/media/"
DEFAULT_FILE_STORAGE = "django.core.files.storage.FileSystemStorage"

BLOCK_STRUCTURES_SETTINGS = {
    "COURSE_PUBLISH_TASK_DELAY": 30,
    "TASK_DEFAULT_RETRY_DELAY": 30,
    "TASK_MAX_RETRIES": 5,
}
if release_rows.current().pruning_is_optional:
    BLOCK_STRUCTURES_SETTINGS["PRUNING_ACTIVE"] = False

HEARTBEAT_CHECKS = [
    "openedx.core.djangoapps.heartbeat.default_checks.check_modulestore",
    "openedx.core.djangoapps.heartbeat.default_checks.check_database",
]
HEARTBEAT_EXTENDED_CHECKS = (
    "openedx.core.djangoapps.heartbeat.default_checks.check_cache_set",
    "openedx.core.djangoapps.heartbeat.default_checks.check_cache_get",
)

# Celery, by the names that the platform uses.
BROKER_POOL_LIMIT = 0
BROKER_CONNECTION_TIMEOUT = 1
BROKER_USE_SSL = False
BROKER_TRANSPORT_OPTIONS = {"fanout_patterns": True, "fanout_prefix": True}
CELERY_BROKER_TRANSPORT = ""
CELERY_BROKER_HOSTNAME = ""
CELERY_BROKER_VHOST = ""
CELERY_BROKER_USER = ""
CELERY_BROKER_PASSWORD = ""
CELERYD_PREFETCH_MULTIPLIER = 1
CELERY_ALWAYS_EAGER = False
CELERY_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_ROUTES = "openedx.core.lib.celery.routers.route_task"
EXPLICIT_QUEUES = {}
ALTERNATE_ENV_TASKS = {}

AWS_ACCESS_KEY_ID = None
AWS_SECRET_ACCESS_KEY = None
AWS_STORAGE_BUCKET_NAME = "edxuploads"
AWS_QUERYSTRING_AUTH = True
AWS_S3_CUSTOM_DOMAIN = "edxuploads.s3.amazonaws.com"
