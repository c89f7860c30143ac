"""Structures in the cache and, behind it, in the storage."""

import logging

import release_rows
from openedx.core.lib.cache_utils import zpickle, zunpickle

from . import config
from .block_structure import BlockStructureBlockData
from .exceptions import BlockStructureNotFound
from .factory import BlockStructureFactory
from .models import BlockStructureModel
from .transformer_registry import TransformerRegistry

logger = logging.getLogger(__name__)


class StubModel:
    """Takes the row's place where storage is not in use."""

    def __init__(self, root_block_usage_key):
        self.data_usage_key = root_block_usage_key

    def __str__(self):
        return str(self.data_usage_key)

    def delete(self):
        """There is nothing to delete."""


class BlockStructureStore:
    """Reads and writes serialized structures.

    cache: the Django cache in front of the storage.
    """

    def __init__(self, cache):
        self._cache = cache

    def add(self, block_structure):
        """Store a structure, then cache it."""
        serialized_data = self._serialize(block_structure)
        bs_model = self._update_or_create_model(block_structure, serialized_data)
        self._add_to_cache(serialized_data, bs_model)

    def get(self, root_block_usage_key):
        """Return the structure of a root block from the cache, or from the storage and then cached again.

        Raises BlockStructureNotFound.
        """
        bs_model = self._get_model(root_block_usage_key)
        try:
            serialized_data = self._get_from_cache(bs_model)
        except BlockStructureNotFound:
            serialized_data = self._get_from_store(bs_model)
            self._add_to_cache(serialized_data, bs_model)
        return self._deserialize(serialized_data, root_block_usage_key)

    def delete(self, root_block_usage_key):
        """Delete the cache entry and the row; the files stay. Raises BlockStructureNotFound."""
        bs_model = self._get_model(root_block_usage_key)
        self._cache.delete(self._encode_root_cache_key(bs_model))
        bs_model.delete()
        logger.info("BlockStructure: Deleted from cache and store; %s.", bs_model)

    def is_up_to_date(self, root_block_usage_key, modulestore):
        """Return whether the row's versions equal the modulestore's.

        The row has a text where the modulestore has an ObjectId, and the two are never equal.
        """
        if not config.storage_is_used():
            return False
        try:
            bs_model = self._get_model(root_block_usage_key)
        except BlockStructureNotFound:
            return False
        root_block = modulestore.get_item(root_block_usage_key)
        return self._version_data_of_model(bs_model) == self._version_data_of_block(root_block)

    def _get_model(self, root_block_usage_key):
        """Return the row of a root block, or its stand-in. Raises BlockStructureNotFound."""
        if config.storage_is_used():
            return BlockStructureModel.get(root_block_usage_key)
        return StubModel(root_block_usage_key)

    def _update_or_create_model(self, block_structure, serialized_data):
        """Write row and file where storage is in use; return the row or its stand-in."""
        root_block_usage_key = block_structure.root_block_usage_key
        if not config.storage_is_used():
            return StubModel(root_block_usage_key)
        versions = self._version_data_of_block(block_structure[root_block_usage_key])
        return BlockStructureModel.update_or_create(serialized_data, data_usage_key=root_block_usage_key, **versions)[0]

    def _add_to_cache(self, serialized_data, bs_model):
        """Write the cache entry, unless it is over the release's cap: then nothing is written and nothing is said."""
        cache_key = self._encode_root_cache_key(bs_model)
        size, cap = len(serialized_data), release_rows.current().cache_cap_bytes
        if cap is not None and size >= cap:
            return
        self._cache.set(cache_key, serialized_data, timeout=config.cache_timeout_in_seconds())
        if cap is None:
            logger.info("BlockStructure: Added to cache; %s, size: %d", bs_model, size)
        else:
            logger.info("BlockStructure: Added to cache; %s, size: %.2fMB", bs_model, size / release_rows.MEBIBYTE)

    def _get_from_cache(self, bs_model):
        """Return the serialized structure of the cache. Raises BlockStructureNotFound."""
        serialized_data = self._cache.get(self._encode_root_cache_key(bs_model))
        if serialized_data:
            return serialized_data
        logger.info("BlockStructure: Not found in cache; %s.", bs_model)
        raise BlockStructureNotFound(bs_model.data_usage_key)

    def _get_from_store(self, bs_model):
        """Return the serialized structure of the storage. Raises BlockStructureNotFound."""
        if not config.storage_is_used():
            raise BlockStructureNotFound(bs_model.data_usage_key)
        return bs_model.get_serialized_data()

    def _serialize(self, block_structure):
        """Return the compressed pickle of a structure."""
        return zpickle((block_structure._block_relations, block_structure.transformer_data, block_structure._block_data_map))

    def _deserialize(self, serialized_data, root_block_usage_key):
        """Return the structure of a compressed pickle; what can't be read counts as not found."""
        try:
            parts = zunpickle(serialized_data)
            block_relations, transformer_data, block_data_map = parts
        except Exception as error:
            if release_rows.current().unpickle_errors == "raised":
                raise
            bs_model = self._get_model(root_block_usage_key)
            logger.exception("BlockStructure: Failed to load data from cache for %s", bs_model)
            raise BlockStructureNotFound(bs_model.data_usage_key) from error
        return BlockStructureFactory.create_new(root_block_usage_key, block_relations, transformer_data, block_data_map)

    @staticmethod
    def _encode_root_cache_key(bs_model):
        """Return the cache key: the row's text with all its versions, or a short one where storage is not in use."""
        if config.storage_is_used():
            return str(bs_model)
        return f"v{BlockStructureBlockData.VERSION}.root.key.{bs_model.data_usage_key}"

    @staticmethod
    def _version_data_of_block(root_block):
        """Return the versions that a structure collected from this root block has."""
        return {
            "data_version": getattr(root_block, "course_version", None),
            "data_edit_timestamp": getattr(root_block, "subtree_edited_on", None),
            "transformers_schema_version": TransformerRegistry.get_write_version_hash(),
            "block_structure_schema_version": str(BlockStructureBlockData.VERSION),
        }

    @staticmethod
    def _version_data_of_model(bs_model):
        """Return the versions of a row."""
        return {name: getattr(bs_model, name, None) for name in BlockStructureModel.VERSION_FIELDS}
