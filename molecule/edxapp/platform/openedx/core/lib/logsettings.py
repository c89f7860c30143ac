"""Logging of both systems: everything from INFO up to the standard error. Facts: edx-platform lib/logsettings.py."""

FORMAT = "%(asctime)s %(levelname)s %(process)d [%(name)s] %(filename)s:%(lineno)d - %(message)s"


def get_logger_config(level="INFO"):
    """Return the LOGGING setting. `level`: lowest level that is shown."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"standard": {"format": FORMAT}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "standard", "level": level}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": ["console"], "level": level, "propagate": False},
            "botocore": {"level": "WARNING"},
            "boto3": {"level": "WARNING"},
        },
    }
