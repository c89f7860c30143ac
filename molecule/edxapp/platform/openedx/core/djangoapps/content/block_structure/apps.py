"""The application; its signal handlers and tasks are there as soon as Django is."""

from django.apps import AppConfig


class BlockStructureConfig(AppConfig):
    """Label `block_structure`."""

    name = "openedx.core.djangoapps.content.block_structure"

    def ready(self):
        from openedx.core.djangoapps.content.block_structure import signals, tasks

        self.loaded = (signals, tasks)
