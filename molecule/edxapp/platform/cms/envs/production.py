"""Studio in production: the file that CMS_CFG (from Nutmeg) or STUDIO_CFG names over the defaults.

Until Ironwood a pair of JSON files in CONFIG_ROOT, of whose keys BLOCK_STRUCTURES_SETTINGS is not read.
"""

import os
import warnings

import release_rows
from cms.envs import common
from openedx.envs import production


def config_file():
    """Return the path of the YAML file. Raises ImproperlyConfigured if the environment names none."""
    if not release_rows.current().cms_config_variable:
        return production.environment("STUDIO_CFG")
    if "CMS_CFG" in os.environ:
        return os.environ["CMS_CFG"]
    path = production.environment("STUDIO_CFG")
    warnings.warn("STUDIO_CFG is deprecated, use CMS_CFG", DeprecationWarning, stacklevel=2)
    return path


def tokens():
    """Return the keys of Studio's file or files."""
    row = release_rows.current()
    found = production.tokens_of_json() if row.config_format == "json" else production.tokens_of_yaml(config_file())
    if not row.studio_reads_settings:
        found.pop("BLOCK_STRUCTURES_SETTINGS", None)
    return found


globals().update(production.build(common, tokens(), default_acl="private"))
