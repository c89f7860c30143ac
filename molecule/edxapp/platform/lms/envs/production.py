"""The LMS in production: the file that LMS_CFG names over the defaults."""

from lms.envs import common
from openedx.envs import production

globals().update(production.build(common, production.environment("LMS_CFG"), default_acl="public-read"))
