"""The LMS in production: the file that LMS_CFG names (Ironwood: the pair in CONFIG_ROOT) over the defaults."""

import release_rows
from lms.envs import common
from openedx.envs import production


def tokens():
    """Return the keys of the LMS's file or files."""
    if release_rows.current().config_format == "json":
        return production.tokens_of_json()
    return production.tokens_of_yaml(production.environment("LMS_CFG"))


globals().update(production.build(common, tokens(), default_acl="public-read"))
