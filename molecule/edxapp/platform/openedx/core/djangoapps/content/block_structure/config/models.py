"""The configuration row: how many files to keep, how long to cache."""

from config_models.models import ConfigurationModel
from django.db.models import IntegerField

KEPT_VERSIONS = 5
CACHE_SECONDS = 86400


class BlockStructureConfiguration(ConfigurationModel):
    """The newest row counts, also if it is not enabled; without a row the defaults are.

    num_versions_to_keep: files kept for a course.
    cache_timeout_in_seconds: null never expires, 0 and less is not cached.
    """

    num_versions_to_keep = IntegerField(blank=True, null=True, default=KEPT_VERSIONS)
    cache_timeout_in_seconds = IntegerField(blank=True, null=True, default=CACHE_SECONDS)

    class Meta:
        app_label = "block_structure"
        db_table = "block_structure_config"

    def __str__(self):
        return f"keep {self.num_versions_to_keep} versions, cache for {self.cache_timeout_in_seconds} s"
