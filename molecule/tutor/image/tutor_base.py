"""Names of edx-platform's production settings that the settings of Tutor change, of every series from 3 to 22.

Found by reading which names Tutor's rendered lms and cms production.py use without defining them.
"""

import copy
import importlib

# Warnings of Django 2.2 and its REST framework, which Tutor 10 and 11 silence; the libraries of those releases here are newer.
_OLD_WARNINGS = {
    "django.utils.deprecation": ("RemovedInDjango30Warning", "RemovedInDjango31Warning"),
    "rest_framework": ("RemovedInDRF310Warning", "RemovedInDRF311Warning"),
}

_NAMES = {
    "CSRF_TRUSTED_ORIGINS": [],  # of the plugin mfe
    "DATABASE_ROUTERS": ["openedx.core.lib.django_courseware_routers.StudentModuleHistoryExtendedRouter"],
    "DOC_STORE_CONFIG": {},
    "FEATURES": {"PREVIEW_LMS_BASE": "preview.example.com"},
    "IDA_LOGOUT_URI_LIST": [],
    "INSTALLED_APPS": ["lms.djangoapps.coursewarehistoryextended"],
    "JWT_AUTH": {},
    "LMS_ROOT_URL": "https://lms.example.com",
    "LOCALE_PATHS": [],
    "LOGGING": {"handlers": {}, "loggers": {"tracking": {}}},
    "LOGIN_REDIRECT_WHITELIST": [],  # of the plugin mfe, in Studio
    "LOG_DIR": "/openedx/data/logs",
    "MIDDLEWARE": [],
    "MODULESTORE": {"default": {"OPTIONS": {"stores": [{"OPTIONS": {}}]}}},
    "PROFILE_IMAGE_BACKEND": {"options": {}},
    "REGISTRATION_EXTRA_FIELDS": {},
    "STATIC_ROOT": "/openedx/staticfiles",
    "STATIC_ROOT_BASE": "/openedx/staticfiles",
    "VIDEO_IMAGE_SETTINGS": {"STORAGE_KWARGS": {}},
    "VIDEO_TRANSCRIPTS_SETTINGS": {"STORAGE_KWARGS": {}},
    "corsheaders_default_headers": (),
}


class Applications(list):
    """INSTALLED_APPS. Until Juniper an application of the LMS has no folder in its name, and Tutor takes it out by that."""

    def remove(self, name):
        """Take an application out by either name."""
        own = (app for app in self if app.rpartition(".")[2] == name.rpartition(".")[2])
        super().remove(next(own, name))


def update_module_store_settings(_module_store_setting, **_others):
    """Stand in for xmodule.modulestore.modulestore_settings: the modulestore of the miniature has no such settings."""


def keep_old_warnings():
    """Give the libraries the names that they no longer have."""
    for module, names in _OLD_WARNINGS.items():
        library = importlib.import_module(module)
        for name in names:
            vars(library).setdefault(name, DeprecationWarning)


def extend(own, tokens):
    """Return settings with the names that are not there yet, and what the platform itself read from its files, ENV_TOKENS."""
    settings = {name: value for name, value in own.items() if name.isupper()}
    for name, value in copy.deepcopy(_NAMES).items():
        if isinstance(value, list) and isinstance(settings.get(name), list):
            settings[name] = settings[name] + [item for item in value if item not in settings[name]]
        elif isinstance(value, dict):
            settings[name] = _merged(value, settings.get(name) or {})
        else:
            settings.setdefault(name, value)
    settings["INSTALLED_APPS"] = Applications(settings["INSTALLED_APPS"])
    settings["ENV_TOKENS"] = tokens
    settings["update_module_store_settings"] = update_module_store_settings
    return settings


def _merged(value, own):
    merged = {**value, **own}
    for name, item in value.items():
        if isinstance(item, dict) and isinstance(own.get(name), dict):
            merged[name] = _merged(item, own[name])
    return merged
