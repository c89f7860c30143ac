"""What Tutor loads when the plugin is enabled: defaults, patches, commands and jobs."""

from __future__ import annotations

from typing import Any

import jinja2
from block_structure.plugin_utils import tutor_plugin
from tutor import exceptions, hooks
from tutor.__about__ import __version__

from . import commands, jobs, settings


@jinja2.pass_context
def _patch(context: Any, name: str) -> str:
    """Return the text of a patch for the configuration that is being rendered, as Tutor renders the role's plugin."""
    try:
        text = settings.resolve(dict(context.get_all()), __version__).patches().get(name, "")
    except settings.RefusedError as refused:
        raise exceptions.TutorError(str(refused)) from refused
    return str(context.environment.from_string(text).render())


hooks.Filters.CONFIG_DEFAULTS.add_items(list(settings.defaults().items()))
hooks.Filters.ENV_TEMPLATE_VARIABLES.add_item(("block_structure_patch", _patch))
for _name in (tutor_plugin.PATCH, tutor_plugin.LMS_PATCH, tutor_plugin.REDIS_PATCH):
    hooks.Filters.ENV_PATCHES.add_item((_name, f'{{{{ block_structure_patch("{_name}") }}}}'))
hooks.Filters.CLI_COMMANDS.add_item(commands.group)
hooks.Filters.CLI_DO_COMMANDS.add_items(jobs.COMMANDS)
