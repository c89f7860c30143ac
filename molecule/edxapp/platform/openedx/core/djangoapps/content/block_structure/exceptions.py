"""Exceptions of block structures."""


class BlockStructureException(Exception):
    """Base of all."""


class TransformerException(BlockStructureException):
    """A transformer is unknown or incomplete."""


class UsageKeyNotInBlockStructure(BlockStructureException):
    """The structure has no such block."""


class TransformerDataIncompatible(BlockStructureException):
    """A transformer needs newer collected data than the structure has."""


class BlockStructureNotFound(BlockStructureException):
    """Neither the cache nor the storage has the structure."""

    def __init__(self, root_block_usage_key):
        super().__init__(f"Block structure not found; data_usage_key: {root_block_usage_key}")
