"""Runs before any settings of Tutor, some of which import in their package what only old libraries have."""

import tutor_base

tutor_base.keep_old_warnings()
