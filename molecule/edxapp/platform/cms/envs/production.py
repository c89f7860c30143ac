"""Studio in production: the file that CMS_CFG (from Teak) or STUDIO_CFG names over the defaults."""

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


globals().update(production.build(common, config_file(), default_acl="private"))
