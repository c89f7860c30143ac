"""The modulestore's tables as a Django application."""

from django.apps import AppConfig


class ModulestoreConfig(AppConfig):
    """Label `modulestore`."""

    name = "xmodule.modulestore"
    label = "modulestore"
