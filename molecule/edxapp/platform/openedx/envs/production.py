"""Production settings: the defaults of a system, overridden by the keys of one YAML file, or of Ironwood's two JSON files.

Facts: edx-platform lms/envs/production.py and cms/envs/production.py (until Ironwood lms/envs/aws.py). A key of the file
replaces the default whole, even where both are dicts, but for MERGED_KEYS. What stands after the file in the platform's
code (ACL, default storage, broker) overrides the file here too.
"""

import copy
import json
import os
from pathlib import Path

import pymysql
import yaml
from django.core.exceptions import ImproperlyConfigured

import release_rows
from openedx.core.lib.logsettings import get_logger_config

MERGED_KEYS = (
    "FEATURES",
    "TRACKING_BACKENDS",
    "EVENT_TRACKING_BACKENDS",
    "JWT_AUTH",
    "CELERY_QUEUES",
    "MKTG_URL_LINK_MAP",
    "REST_FRAMEWORK",
    "EVENT_BUS_PRODUCER_CONFIG",
)
# The driver in pure Python stands in for mysqlclient; Django wants to hear a version of the latter.
pymysql.version_info = (2, 2, 7, "final", 0)
pymysql.install_as_MySQLdb()


def environment(name):
    """Return an environment variable. Raises ImproperlyConfigured if it is not set."""
    try:
        return os.environ[name]
    except KeyError as error:
        raise ImproperlyConfigured(f"Set the {name} env variable") from error


def tokens_of_yaml(path):
    """Return the keys of a YAML file."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def tokens_of_json():
    """Return the keys of `<SERVICE_VARIANT>.env.json` and `<SERVICE_VARIANT>.auth.json` in the folder CONFIG_ROOT."""
    folder, variant = Path(environment("CONFIG_ROOT")), environment("SERVICE_VARIANT")
    files = [folder / f"{variant}.{kind}.json" for kind in ("env", "auth")]
    return {key: value for file in files for key, value in json.loads(file.read_text(encoding="utf-8")).items()}


def build(defaults, tokens, default_acl):
    """Return the settings of a system as a dict.

    defaults: the module of the system's defaults.
    tokens: the keys of its files.
    default_acl: what AWS_DEFAULT_ACL is forced to, in the releases that force it.
    """
    row = release_rows.current()
    settings = {name: copy.deepcopy(value) for name, value in vars(defaults).items() if name.isupper()}
    settings.update((key, value) for key, value in tokens.items() if key not in MERGED_KEYS)
    settings["FEATURES"].update(tokens.get("FEATURES") or {})
    settings["TIME_ZONE"] = settings["CELERY_TIMEZONE"]
    settings["LOGGING"] = get_logger_config(settings.get("LOCAL_LOGLEVEL", "INFO"))
    _caches(settings)
    _celery(settings, tokens)
    _aws(settings, tokens, row, default_acl)
    return settings


def _caches(settings):
    """The alias that each process keeps for itself is there whatever the YAML says."""
    settings["CACHES"].setdefault(
        "loc_cache",
        {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "edx_location_mem_cache"},
    )


def _celery(settings, tokens):
    """Queues and broker."""
    if tokens.get("CELERY_QUEUES"):
        settings["CELERY_QUEUES"] = {queue: {} for queue in tokens["CELERY_QUEUES"]}
    for system in str(tokens.get("ALTERNATE_WORKER_QUEUES") or "").split():
        variant = settings["QUEUE_VARIANT"]
        settings["CELERY_QUEUES"].setdefault(settings["DEFAULT_PRIORITY_QUEUE"].replace(variant, f"{system}."), {})
    settings["BROKER_URL"] = "{}://{}:{}@{}/{}".format(
        settings["CELERY_BROKER_TRANSPORT"],
        settings["CELERY_BROKER_USER"],
        settings["CELERY_BROKER_PASSWORD"],
        settings["CELERY_BROKER_HOSTNAME"],
        settings["CELERY_BROKER_VHOST"],
    )


def _aws(settings, tokens, row, default_acl):
    """Global S3 settings, which every S3 storage falls back to."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        settings[name] = settings[name] or None
    if row.forces_default_acl:
        settings["AWS_DEFAULT_ACL"] = default_acl
        settings["AWS_BUCKET_ACL"] = default_acl
    if not tokens.get("DEFAULT_FILE_STORAGE") and settings["AWS_ACCESS_KEY_ID"] and settings["AWS_SECRET_ACCESS_KEY"]:
        settings["DEFAULT_FILE_STORAGE"] = row.default_s3_class
    if row.storage_resolver == "resolve_storage_backend":
        settings.setdefault(
            "STORAGES",
            {
                "default": {"BACKEND": settings.pop("DEFAULT_FILE_STORAGE")},
                "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
            },
        )
