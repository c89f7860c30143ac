"""The system in production as Tutor's image has it: the miniature's, with the names that Tutor's settings change."""

from pathlib import Path

import yaml
from openedx.envs import production

import tutor_base
from lms.envs import common

_path = production.environment("LMS_CFG")
_settings = production.build(common, _path, default_acl="public-read")
globals().update(tutor_base.extend(_settings, yaml.safe_load(Path(_path).read_text(encoding="utf-8"))))
