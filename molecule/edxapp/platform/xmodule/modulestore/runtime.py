"""Reads the blocks of one course at one version, on one branch.

Facts: edx-platform xmodule/modulestore/split_mongo/caching_descriptor_system.py.
"""

from bson.objectid import ObjectId
from django.db.models import Max

from xmodule.modulestore.blocks import Block
from xmodule.modulestore.exceptions import ItemNotFoundError
from xmodule.modulestore.models import BlockRow, Definition


class Runtime:
    """The blocks of a course.

    index: the row of the course index.
    drafts: whether the author's latest edits are seen.
    """

    def __init__(self, index, drafts):
        self.index = index
        self.course_key = index.course_id
        self.drafts = drafts
        self.version = ObjectId(index.draft_version if drafts else index.published_version)

    def load(self, usage_key):
        """Return a block. Raises ItemNotFoundError."""
        row = BlockRow.objects.filter(
            course_id=self.index.pk, block_type=usage_key.block_type, block_id=usage_key.block_id
        ).first()
        block = row and self._block(row, None)
        if not block:
            raise ItemNotFoundError(usage_key)
        return block

    def load_children(self, block):
        """Return the children of a block in their order."""
        rows = BlockRow.objects.filter(parent_id=block.row.pk).order_by("position")
        children = (self._block(row, block) for row in rows)
        return [child for child in children if child is not None]

    def load_parent(self, row):
        """Return the parent block of a row."""
        return self._block(BlockRow.objects.get(pk=row.parent_id), None)

    def load_definition(self, row):
        """Return the content of a row's block."""
        key = row.visible_definition_id(self.drafts)
        return Definition.objects.values_list("data", flat=True).get(pk=key) if key else ""

    def load_tree(self, block):
        """Read everything below a block."""
        for child in block.get_children():
            self.load_tree(child)

    def latest_edit(self, block):
        """Return the latest edit at and below a block, asking the database only where the tree was not read."""
        if block.loaded_children is not None:
            edits = [self.latest_edit(child) for child in block.loaded_children]
            return max([block.edited_on, *edits])
        if block.category == "course":
            return BlockRow.objects.filter(course_id=self.index.pk).aggregate(latest=Max("edited_on"))["latest"]
        return max([block.edited_on, *(child.subtree_edited_on for child in block.get_children())])

    def _block(self, row, parent):
        """Return the block of a row, or None if this reader doesn't see it."""
        own_fields = row.visible_fields(self.drafts)
        return None if own_fields is None else Block(self, row, own_fields, parent)
