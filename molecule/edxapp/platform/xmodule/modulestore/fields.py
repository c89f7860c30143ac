"""The fields of blocks: which there are, what they default to, which a block inherits from its ancestors.

Facts: edx-platform xmodule/modulestore/inheritance.py and the fields of the block types.
"""

import datetime

from xmodule.fields import Date

INHERITED = {
    "start": datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc),
    "due": None,
    "graded": False,
    "format": None,
    "visible_to_staff_only": False,
    "hide_from_toc": False,
    "hide_after_due": False,
    "self_paced": False,
    "show_correctness": "always",
    "showanswer": "finished",
    "rerandomize": "never",
    "max_attempts": None,
    "group_access": None,
    "user_partitions": None,
    "in_entrance_exam": False,
    "is_proctored_enabled": False,
    "is_time_limited": False,
    "relative_weeks_due": None,
    "days_early_for_beta": None,
    "course_edit_method": "Studio",
    "static_asset_path": "",
    "use_latex_compiler": False,
}
OWN = {
    "display_name": None,
    "chrome": None,
    "default_tab": None,
    "edx_video_id": "",
    "weight": None,
    "xml_attributes": None,
}
DATES = {"start": Date(), "due": Date()}
CONTAINERS = frozenset({"course", "chapter", "sequential", "vertical"})
SCORED = frozenset({"problem"})


def as_value(name, stored):
    """Return the value of a field from what JSON keeps of it."""
    return DATES[name].from_json(stored) if name in DATES else stored


def as_stored(value):
    """Return what JSON keeps of a field's value."""
    return Date().to_json(value) if isinstance(value, datetime.datetime) else value
