"""The transformers of this platform.

Each does a share of what the platform's transformer of that name does, on the real tree: fields that are inherited or
merged from ancestors, values derived from each block's definition. They are what a rebuild spends its time on.
"""

import json

from openedx.core.lib.safe_lxml import parse

from .transformer import BlockStructureTransformer


class _Named(BlockStructureTransformer):
    """A transformer whose name is an attribute."""

    NAME = ""
    WRITE_VERSION = 1
    READ_VERSION = 1

    @classmethod
    def name(cls):
        return cls.NAME


def _merge_from_parents(block_structure, transformer, key, own_value, merge):
    """Set a value for each block, made of its own and of those of its parents."""
    for usage_key in block_structure.topological_traversal():
        value = own_value(block_structure.get_xblock(usage_key))
        for parent in block_structure.get_parents(usage_key):
            value = merge(value, block_structure.get_transformer_block_field(parent, transformer, key))
        block_structure.set_transformer_block_field(usage_key, transformer, key, value)


class StartDateTransformer(_Named):
    """When a block opens: not before any of its ancestors."""

    NAME = "start_date"

    @classmethod
    def collect(cls, block_structure):
        block_structure.request_xblock_fields("start", "days_early_for_beta")
        _merge_from_parents(block_structure, cls, "merged_start_date", lambda block: block.start, max)


class VisibilityTransformer(_Named):
    """Whether only staff sees a block: if so for it or for an ancestor."""

    NAME = "visibility"

    @classmethod
    def collect(cls, block_structure):
        _merge_from_parents(
            block_structure,
            cls,
            "merged_visible_to_staff_only",
            lambda block: block.visible_to_staff_only,
            lambda own, parent: own or parent,
        )

    def transform(self, usage_info, block_structure):
        if usage_info.user.is_staff:
            return
        block_structure.remove_block_traversal(
            lambda key: block_structure.get_transformer_block_field(key, self, "merged_visible_to_staff_only", False)
        )


class HiddenContentTransformer(_Named):
    """Which content disappears after its due date."""

    NAME = "hidden_content"

    @classmethod
    def collect(cls, block_structure):
        block_structure.request_xblock_fields("self_paced", "due", "hide_after_due")
        _merge_from_parents(
            block_structure,
            cls,
            "merged_hide_after_due",
            lambda block: block.hide_after_due,
            lambda own, parent: own or parent,
        )


class UserPartitionTransformer(_Named):
    """Which groups may see a block: those that its ancestors leave over."""

    NAME = "user_partitions"

    @classmethod
    def collect(cls, block_structure):
        for usage_key in block_structure.topological_traversal():
            access = dict(block_structure.get_xblock(usage_key).group_access or {})
            for parent in block_structure.get_parents(usage_key):
                for partition, groups in cls._access(block_structure, parent).items():
                    access[partition] = sorted(set(access.get(partition, groups)) & set(groups))
            if access:
                block_structure.set_transformer_block_field(usage_key, cls, "merged_group_access", access)

    @classmethod
    def _access(cls, block_structure, usage_key):
        return block_structure.get_transformer_block_field(usage_key, cls, "merged_group_access", {})


class BlocksAPITransformer(_Named):
    """What the course blocks API answers with."""

    NAME = "blocks_api"
    FIELDS = (
        "graded", "format", "display_name", "course_edit_method", "children", "has_score", "hide_from_toc",
        "show_correctness", "chrome", "default_tab",
    )  # fmt: skip

    @classmethod
    def collect(cls, block_structure):
        block_structure.request_xblock_fields(*(name for name in cls.FIELDS if name != "children"))
        for usage_key in block_structure.post_order_traversal():
            below = [
                block_structure.get_transformer_block_field(child, cls, "height", 0)
                for child in block_structure.get_children(usage_key)
            ]
            block_structure.set_transformer_block_field(usage_key, cls, "height", 1 + max(below, default=0))


class MilestonesTransformer(_Named):
    """Special exams and entrance exams."""

    NAME = "milestones"

    @classmethod
    def collect(cls, block_structure):
        block_structure.request_xblock_fields("is_proctored_enabled", "is_time_limited", "in_entrance_exam")


class GradesTransformer(_Named):
    """What a problem is worth, and to which subsection a block belongs.

    A problem whose XML doesn't parse makes the collection fail (XMLSyntaxError).
    """

    NAME = "grades"
    WRITE_VERSION = 4
    READ_VERSION = 4
    FIELDS = (
        "due", "format", "graded", "has_score", "weight", "course_version", "subtree_edited_on", "show_correctness",
    )  # fmt: skip

    @classmethod
    def collect(cls, block_structure):
        block_structure.request_xblock_fields(*cls.FIELDS)
        for usage_key in block_structure.topological_traversal():
            cls._set(block_structure, usage_key, "subsections", cls._subsections(block_structure, usage_key))
            block = block_structure.get_xblock(usage_key)
            cls._set(block_structure, usage_key, "explicit_graded", block.graded or None)
            if block.has_score:
                responses = parse(block.data).findall(".//multiplechoiceresponse")
                cls._set(block_structure, usage_key, "max_score", len(responses))

    @classmethod
    def _subsections(cls, block_structure, usage_key):
        if usage_key.block_type == "sequential":
            return {usage_key}
        union = set()
        for parent in block_structure.get_parents(usage_key):
            union |= block_structure.get_transformer_block_field(parent, cls, "subsections", set())
        return union

    @classmethod
    def _set(cls, block_structure, usage_key, key, value):
        block_structure.set_transformer_block_field(usage_key, cls, key, value)


class ContentTypeGateTransformer(_Named):
    """Which blocks audit learners don't see: graded ones."""

    NAME = "content_type_gate"

    @classmethod
    def collect(cls, block_structure):
        block_structure.request_xblock_fields("group_access", "graded", "has_score", "weight")


class EffortEstimationTransformer(_Named):
    """How long a block takes: the words of a page, the seconds of a video."""

    NAME = "effort_estimation"
    WORDS_A_SECOND = 4

    @classmethod
    def collect(cls, block_structure):
        for usage_key in block_structure.topological_traversal():
            block = block_structure.get_xblock(usage_key)
            if usage_key.block_type == "html":
                seconds = len(block.data.split()) / cls.WORDS_A_SECOND
            elif usage_key.block_type == "video":
                seconds = json.loads(block.data)["duration"]
            else:
                continue
            block_structure.set_transformer_block_field(usage_key, cls, "effort_time", seconds)


class OverrideDataTransformer(_Named):
    """Fields that an instructor overrides for a learner."""

    NAME = "load_override_data"

    @classmethod
    def collect(cls, block_structure):
        block_structure.request_xblock_fields("due", "relative_weeks_due", "max_attempts", "showanswer")


TRANSFORMERS = (
    BlocksAPITransformer,
    ContentTypeGateTransformer,
    EffortEstimationTransformer,
    GradesTransformer,
    HiddenContentTransformer,
    MilestonesTransformer,
    OverrideDataTransformer,
    StartDateTransformer,
    UserPartitionTransformer,
    VisibilityTransformer,
)
