"""The sandbox's own commands and pages as a Django application."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Label `sandbox`."""

    name = "sandbox"
