"""The door to a course's structure: from cache, storage or modulestore, whatever answers first."""

from contextlib import contextmanager

from . import config
from .exceptions import BlockStructureNotFound, TransformerDataIncompatible, UsageKeyNotInBlockStructure
from .factory import BlockStructureFactory
from .store import BlockStructureStore
from .transformers import BlockStructureTransformers


class BlockStructureManager:
    """The structure below one root block.

    root_block_usage_key: key of the course block.
    modulestore: where blocks are read.
    cache: the Django cache of structures.
    """

    def __init__(self, root_block_usage_key, modulestore, cache):
        self.root_block_usage_key = root_block_usage_key
        self.modulestore = modulestore
        self.store = BlockStructureStore(cache)

    def get_transformed(self, transformers, starting_block_usage_key=None, collected_block_structure=None, user=None):
        """Return the structure as a learner sees it, from a starting block on.

        Raises UsageKeyNotInBlockStructure.
        """
        block_structure = collected_block_structure.copy() if collected_block_structure else self.get_collected(user)
        if starting_block_usage_key:
            if starting_block_usage_key not in block_structure:
                raise UsageKeyNotInBlockStructure(f"{starting_block_usage_key} is not below {self.root_block_usage_key}")
            block_structure.set_root_block(starting_block_usage_key)
        transformers.transform(block_structure)
        return block_structure

    def get_collected(self, user=None):
        """Return the structure; rebuild it if it is nowhere or too old for a transformer, or raise where the switch says so.

        Staleness is not looked at. The requesting `user` (from Teak) never narrows what is collected.
        """
        try:
            block_structure = BlockStructureFactory.create_from_store(self.root_block_usage_key, self.store)
            BlockStructureTransformers.verify_versions(block_structure)
        except (BlockStructureNotFound, TransformerDataIncompatible):
            if config.a_miss_is_an_error():
                raise
            block_structure = self._update_collected()
        return block_structure

    def update_collected_if_needed(self):
        """Rebuild the structure unless its row has the modulestore's versions."""
        with self._bulk_operations():
            if not self.store.is_up_to_date(self.root_block_usage_key, self.modulestore):
                self._update_collected()

    def clear(self):
        """Delete the structure. Raises BlockStructureNotFound."""
        self.store.delete(self.root_block_usage_key)

    def _update_collected(self):
        """Rebuild, store and return the structure."""
        with self._bulk_operations():
            block_structure = BlockStructureFactory.create_from_modulestore(self.root_block_usage_key, self.modulestore)
            BlockStructureTransformers.collect(block_structure)
            self.store.add(block_structure)
            return block_structure

    @contextmanager
    def _bulk_operations(self):
        with self.modulestore.bulk_operations(self.root_block_usage_key.course_key):
            yield
