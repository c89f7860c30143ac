"""The tree of a course and the data collected for its blocks."""

from copy import deepcopy

from .exceptions import TransformerException

TRANSFORMER_VERSION_KEY = "_version"


class _BlockRelations:
    """The usage keys of a block's parents and children."""

    def __init__(self):
        self.parents = []
        self.children = []


class BlockStructure:
    """Which blocks there are and how they hang together. Iterates over usage keys."""

    def __init__(self, root_block_usage_key):
        self.root_block_usage_key = root_block_usage_key
        self._block_relations = {root_block_usage_key: _BlockRelations()}

    def __iter__(self):
        return self.get_block_keys()

    def __len__(self):
        return len(self._block_relations)

    def __contains__(self, usage_key):
        return usage_key in self._block_relations

    def get_block_keys(self):
        """Return an iterator over the usage keys."""
        return iter(self._block_relations)

    def get_parents(self, usage_key):
        """Return the keys of a block's parents; none for a block that is not here."""
        return self._block_relations[usage_key].parents if usage_key in self else []

    def get_children(self, usage_key):
        """Return the keys of a block's children; none for a block that is not here."""
        return self._block_relations[usage_key].children if usage_key in self else []

    def set_root_block(self, usage_key):
        """Make a block the root; what is no longer below it stays until it is pruned."""
        self.root_block_usage_key = usage_key
        self._block_relations[usage_key].parents = []

    def topological_traversal(self, filter_func=None, start_node=None):
        """Yield keys, each after all its parents. A block that the filter refuses hides what hangs from it alone."""
        start = start_node or self.root_block_usage_key
        waiting, refused_or_done, yielded = [start], set(), set()
        while waiting:
            usage_key = waiting.pop()
            if usage_key in refused_or_done:
                continue
            parents = self.get_parents(usage_key)
            if usage_key != start and not all(parent in refused_or_done for parent in parents):
                continue
            refused_or_done.add(usage_key)
            if usage_key != start and not any(parent in yielded for parent in parents):
                continue
            children = list(self.get_children(usage_key))
            if filter_func is None or filter_func(usage_key):
                yielded.add(usage_key)
                yield usage_key
            waiting.extend(reversed(children))

    def post_order_traversal(self, filter_func=None, start_node=None):
        """Yield keys, each after all its children."""
        start = start_node or self.root_block_usage_key
        waiting, visited = [(start, False)], set()
        while waiting:
            usage_key, children_are_done = waiting.pop()
            if children_are_done:
                if filter_func is None or filter_func(usage_key):
                    yield usage_key
            elif usage_key not in visited:
                visited.add(usage_key)
                waiting.append((usage_key, True))
                waiting.extend((child, False) for child in reversed(self.get_children(usage_key)))

    def _add_relation(self, parent_key, child_key):
        """Hang a block below another."""
        self._block_relations.setdefault(parent_key, _BlockRelations()).children.append(child_key)
        self._block_relations.setdefault(child_key, _BlockRelations()).parents.append(parent_key)

    def _prune_unreachable(self):
        """Drop the blocks that can't be reached from the root."""
        before = self._block_relations
        self._block_relations = {}
        reachable = list(BlockStructure._post_order(before, self.root_block_usage_key))
        for usage_key in reachable:
            self._block_relations.setdefault(usage_key, _BlockRelations())
            for child in before[usage_key].children:
                if child in self._block_relations:
                    self._add_relation(usage_key, child)

    @staticmethod
    def _post_order(relations, root):
        """Yield the keys that are reachable in a map of relations, children first."""
        tree = BlockStructure(root)
        tree._block_relations = relations
        return (key for key in tree.post_order_traversal() if key in relations)


class FieldData:
    """Named values, read and written as attributes. A missing one raises AttributeError."""

    OWN = frozenset({"fields"})

    def __init__(self):
        self.fields = {}

    def __getattr__(self, name):
        if name in self.OWN or name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.fields[name]
        except KeyError as error:
            raise AttributeError(f"Field {name} does not exist") from error

    def __setattr__(self, name, value):
        if name in self.OWN:
            super().__setattr__(name, value)
        else:
            self.fields[name] = value

    def __delattr__(self, name):
        del self.fields[name]


class TransformerData(FieldData):
    """What one transformer collected."""


class TransformerDataMap(dict):
    """Collected data by transformer: by its class or its name."""

    def __getitem__(self, key):
        return super().__getitem__(self._name(key))

    def __setitem__(self, key, value):
        super().__setitem__(self._name(key), value)

    def __delitem__(self, key):
        super().__delitem__(self._name(key))

    def get_or_create(self, key):
        """Return the data of a transformer, empty at first."""
        return self.setdefault(self._name(key), TransformerData())

    @staticmethod
    def _name(key):
        return key if isinstance(key, str) else key.name()


class BlockData(FieldData):
    """What was collected of one block: fields and, by transformer, derived values."""

    OWN = FieldData.OWN | {"location", "transformer_data"}

    def __init__(self, usage_key):
        super().__init__()
        self.location = usage_key
        self.transformer_data = TransformerDataMap()


class BlockStructureBlockData(BlockStructure):
    """The tree and the collected data. VERSION is part of each row's versions and of each short cache key."""

    VERSION = 2

    def __init__(self, root_block_usage_key):
        super().__init__(root_block_usage_key)
        self._block_data_map = {}
        self.transformer_data = TransformerDataMap()

    def __getitem__(self, usage_key):
        return self._block_data_map[usage_key]

    def copy(self):
        """Return a copy that shares nothing with this structure."""
        copied = BlockStructureBlockData(self.root_block_usage_key)
        copied._block_relations = deepcopy(self._block_relations)
        copied._block_data_map = deepcopy(self._block_data_map)
        copied.transformer_data = deepcopy(self.transformer_data)
        return copied

    def get_xblock_field(self, usage_key, field_name, default=None):
        """Return a collected field of a block, or the default."""
        block_data = self._block_data_map.get(usage_key)
        return getattr(block_data, field_name, default) if block_data else default

    def override_xblock_field(self, usage_key, field_name, override_data):
        """Set a field of a block."""
        setattr(self._get_or_create_block(usage_key), field_name, override_data)

    def get_transformer_data(self, transformer, key, default=None):
        """Return a transformer's value for the whole structure, or the default."""
        if transformer.name() not in self.transformer_data:
            return default
        return getattr(self.transformer_data[transformer], key, default)

    def set_transformer_data(self, transformer, key, value):
        """Set a transformer's value for the whole structure."""
        setattr(self.transformer_data.get_or_create(transformer), key, value)

    def get_transformer_block_data(self, usage_key, transformer):
        """Return a transformer's data for a block. Raises KeyError."""
        return self._block_data_map[usage_key].transformer_data[transformer]

    def get_transformer_block_field(self, usage_key, transformer, key, default=None):
        """Return a transformer's value for a block, or the default."""
        try:
            return getattr(self.get_transformer_block_data(usage_key, transformer), key, default)
        except KeyError:
            return default

    def set_transformer_block_field(self, usage_key, transformer, key, value):
        """Set a transformer's value for a block."""
        setattr(self._get_or_create_block(usage_key).transformer_data.get_or_create(transformer), key, value)

    def remove_block(self, usage_key, keep_descendants):
        """Remove a block; its children move up to its parents, or stay unreachable."""
        relations = self._block_relations.pop(usage_key)
        self._block_data_map.pop(usage_key, None)
        for child in relations.children:
            self._block_relations[child].parents.remove(usage_key)
        for parent in relations.parents:
            self._block_relations[parent].children.remove(usage_key)
        if keep_descendants:
            for parent in relations.parents:
                for child in relations.children:
                    self._add_relation(parent, child)

    def remove_block_traversal(self, removal_condition, keep_descendants=False):
        """Remove every block for which the condition holds."""
        for usage_key in list(self.topological_traversal()):
            if usage_key in self and removal_condition(usage_key):
                self.remove_block(usage_key, keep_descendants)

    def _get_transformer_data_version(self, transformer):
        """Return the version at which a transformer collected; 0 if it didn't."""
        return self.get_transformer_data(transformer, TRANSFORMER_VERSION_KEY, 0)

    def _add_transformer(self, transformer):
        """Note a transformer's version. Raises TransformerException if it has none."""
        if not transformer.WRITE_VERSION:
            raise TransformerException(f"Transformer {transformer.name()} has no version")
        self.set_transformer_data(transformer, TRANSFORMER_VERSION_KEY, transformer.WRITE_VERSION)

    def _get_or_create_block(self, usage_key):
        """Return the data of a block, empty at first."""
        if usage_key not in self._block_data_map:
            self._block_data_map[usage_key] = BlockData(usage_key)
        return self._block_data_map[usage_key]


class BlockStructureModulestoreData(BlockStructureBlockData):
    """A structure under collection: it has the modulestore's blocks at hand."""

    def __init__(self, root_block_usage_key):
        super().__init__(root_block_usage_key)
        self._xblock_map = {}
        self._requested_xblock_fields = set()

    def request_xblock_fields(self, *field_names):
        """Ask for fields that shall be collected of each block that has them."""
        self._requested_xblock_fields.update(field_names)

    def get_xblock(self, usage_key):
        """Return the modulestore's block of a key."""
        return self._xblock_map[usage_key]

    def _add_xblock(self, usage_key, xblock):
        self._xblock_map[usage_key] = xblock

    def _collect_requested_xblock_fields(self):
        """Collect the requested fields of all blocks."""
        for usage_key, xblock in self._xblock_map.items():
            block_data = self._get_or_create_block(usage_key)
            for name in sorted(self._requested_xblock_fields):
                if hasattr(xblock, name):
                    setattr(block_data, name, getattr(xblock, name))
