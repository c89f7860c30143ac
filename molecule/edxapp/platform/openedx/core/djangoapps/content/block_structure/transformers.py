"""Applies transformers to structures."""

from .exceptions import TransformerDataIncompatible, TransformerException
from .transformer_registry import TransformerRegistry


class BlockStructureTransformers:
    """An ordered list of transformers. Raises TransformerException for one that is not registered.

    usage_info: what they need to know of the request; its `user` is the learner.
    """

    def __init__(self, transformers=(), usage_info=None):
        unknown = TransformerRegistry.find_unregistered(transformers)
        if unknown:
            raise TransformerException(f"Transformers are not registered: {sorted(unknown)}")
        self.usage_info = usage_info
        self._transformers = list(transformers)

    @classmethod
    def collect(cls, block_structure):
        """Have each registered transformer collect, then collect the fields that they asked for."""
        for transformer in sorted(TransformerRegistry.get_registered_transformers(), key=lambda known: known.name()):
            block_structure._add_transformer(transformer)
            transformer.collect(block_structure)
        block_structure._collect_requested_xblock_fields()

    @classmethod
    def verify_versions(cls, block_structure):
        """Return True. Raises TransformerDataIncompatible if a transformer can't use what was collected."""
        outdated = [
            transformer.name()
            for transformer in TransformerRegistry.get_registered_transformers()
            if block_structure._get_transformer_data_version(transformer) < transformer.READ_VERSION
        ]
        if outdated:
            raise TransformerDataIncompatible(f"Collected data is too old for {sorted(outdated)}")
        return True

    def transform(self, block_structure):
        """Apply the transformers in order, then drop what can't be reached any more."""
        for transformer in self._transformers:
            transformer.transform(self.usage_info, block_structure)
        block_structure._prune_unreachable()
