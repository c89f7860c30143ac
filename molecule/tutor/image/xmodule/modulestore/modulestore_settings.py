"""Where newer settings of Tutor import it from."""

from tutor_base import update_module_store_settings  # noqa: F401
