"""Tables of the modulestore: one row a block, one row a definition.

They stand in for the split modulestore's MongoDB collections. As there, what a block *is* (fields, place in the tree)
and what it *contains* (its definition) are read apart, the latter block by block.
"""

import json

from django.db import models

from xmodule.modulestore.course_index import SplitModulestoreCourseIndex


class Definition(models.Model):
    """The content of a block: XML of a problem, text of a page, data of a video."""

    data = models.TextField()


class BlockRow(models.Model):
    """A block of a course.

    fields: JSON of what learners see; empty while the block was never published.
    draft_fields: JSON of the author's latest edit; empty if it is published.
    draft_definition: the definition that goes with draft_fields.
    """

    course = models.ForeignKey(SplitModulestoreCourseIndex, on_delete=models.CASCADE, related_name="blocks")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    position = models.IntegerField(default=0)
    block_type = models.CharField(max_length=64)
    block_id = models.CharField(max_length=255)
    fields = models.TextField(blank=True)
    draft_fields = models.TextField(blank=True)
    definition = models.ForeignKey(Definition, null=True, on_delete=models.PROTECT, related_name="+")
    draft_definition = models.ForeignKey(Definition, null=True, on_delete=models.PROTECT, related_name="+")
    edited_on = models.DateTimeField()
    edited_by = models.IntegerField(null=True)

    class Meta:
        unique_together = [("course", "block_type", "block_id")]

    def visible_fields(self, drafts):
        """Return the fields that a reader of drafts, or of what is published, sees; None if it sees no block."""
        text = (self.draft_fields if drafts else "") or self.fields
        return json.loads(text) if text else None

    def visible_definition_id(self, drafts):
        """Return the key of the definition that goes with the visible fields."""
        return self.draft_definition_id if drafts and self.draft_fields else self.definition_id
