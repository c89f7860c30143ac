"""A block as the platform's code meets it: fields with inheritance, children, definition.

Facts: edx-platform xmodule/x_module.py, xmodule/modulestore/split_mongo/caching_descriptor_system.py.
"""

from xmodule.modulestore import fields


class Block:
    """A block of a course, read from the store.

    course_version is the version of the whole course, an ObjectId, on each block (as the split modulestore sets it).
    """

    def __init__(self, runtime, row, own_fields, parent=None):
        self.runtime = runtime
        self.row = row
        self.own_fields = own_fields
        self.location = runtime.course_key.make_usage_key(row.block_type, row.block_id)
        self.category = row.block_type
        self.course_version = runtime.version
        self.edited_on = row.edited_on
        self.has_children = row.block_type in fields.CONTAINERS
        self.has_score = row.block_type in fields.SCORED
        self._parent = parent
        self._children = None
        self._data = None
        self._subtree_edited_on = None

    def __getattr__(self, name):
        """Return a field: the block's own value, else the nearest ancestor's if it is inherited, else the default."""
        if name.startswith("_") or name in ("runtime", "own_fields"):
            raise AttributeError(name)
        if name in self.own_fields:
            return fields.as_value(name, self.own_fields[name])
        if name in fields.INHERITED:
            return self._inherited(name)
        if name in fields.OWN:
            return fields.OWN[name]
        raise AttributeError(f"{self.category} has no field {name}")

    def __setattr__(self, name, value):
        """Set the block's own value of a field; `update_item` writes it."""
        if name == "data" or name in fields.INHERITED or name in fields.OWN:
            self.own_fields[name] = fields.as_stored(value)
        else:
            super().__setattr__(name, value)

    def __repr__(self):
        return f"<Block {self.location}>"

    @property
    def id(self):
        """The course key of a course block, the usage key of any other."""
        return self.location.course_key if self.category == "course" else self.location

    @property
    def scope_ids(self):
        """The keys of the block, of which the platform's code asks for usage_id."""
        return ScopeIds(self.location)

    @property
    def children(self):
        """Usage keys of the children."""
        return [child.location for child in self.get_children()]

    @property
    def data(self):
        """The definition's content; one query, on first use."""
        if "data" in self.own_fields:
            return self.own_fields["data"]
        if self._data is None:
            self._data = self.runtime.load_definition(self.row)
        return self._data

    @property
    def subtree_edited_on(self):
        """The latest edit of the block and all below it, aware, in UTC."""
        if self._subtree_edited_on is None:
            self._subtree_edited_on = self.runtime.latest_edit(self)
        return self._subtree_edited_on

    @property
    def loaded_children(self):
        """Children that were read already, or None."""
        return self._children

    def get_parent(self):
        """Return the parent block, or None for the course."""
        if self._parent is None and self.row.parent_id is not None:
            self._parent = self.runtime.load_parent(self.row)
        return self._parent

    def get_children(self):
        """Return the children in their order; one query, on first use."""
        if self._children is None:
            self._children = self.runtime.load_children(self) if self.has_children else []
        return self._children

    def _inherited(self, name):
        """Return the value of the nearest ancestor that has its own, else the default."""
        ancestor = self.get_parent()
        while ancestor is not None:
            if name in ancestor.own_fields:
                return fields.as_value(name, ancestor.own_fields[name])
            ancestor = ancestor.get_parent()
        return fields.INHERITED[name]


class ScopeIds:
    """The keys under which a block's state is kept."""

    def __init__(self, usage_id):
        self.usage_id = usage_id
        self.block_type = usage_id.block_type
