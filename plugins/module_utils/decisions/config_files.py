"""Which settings files of a native installation the role edits."""

from __future__ import annotations

from typing import Any

from .releases import Release

# System -> its name at the beginning of a message.
TITLES = {"lms": "The LMS", "cms": "Studio"}
# System -> the variable that names its settings file on a native installation.
_CONFIG_VARIABLES = {"lms": "block_structure_native_lms_config", "cms": "block_structure_native_cms_config"}


def settings_files(variables: dict[str, Any], release: Release) -> list[dict[str, Any]]:
    """Return the settings files that the role edits, each with its name, path, format and variable.

    A path variable of None selects the release's path, "" means that the host does not run that system. Studio's file is
    omitted where the release does not read our settings from it.
    """
    files = []
    for name, variable in _CONFIG_VARIABLES.items():
        if name == "cms" and not release.studio_reads_settings:
            continue
        given = variables[variable]
        path = release.config_files[name] if given is None else given
        if path:
            files.append({"name": name, "path": path, "format": release.config_format, "variable": variable})
    return files
