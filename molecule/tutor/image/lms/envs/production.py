"""The system in production as Tutor's image has it: the miniature's, with the names that Tutor's settings change."""

import tutor_base
from lms.envs import miniature_production

globals().update(tutor_base.extend(vars(miniature_production), miniature_production.tokens()))
