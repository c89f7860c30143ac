"""Makes structures: from the modulestore, from the store, from their parts."""

from .block_structure import BlockStructureBlockData, BlockStructureModulestoreData


class BlockStructureFactory:
    """Ways to a structure."""

    @classmethod
    def create_from_modulestore(cls, root_block_usage_key, modulestore):
        """Return the structure of all blocks below a root, each read from the modulestore. Raises ItemNotFoundError."""
        block_structure = BlockStructureModulestoreData(root_block_usage_key)
        visited = set()

        def visit(block):
            if block.location in visited:
                return
            visited.add(block.location)
            block_structure._add_xblock(block.location, block)
            for child in block.get_children():
                block_structure._add_relation(block.location, child.location)
                visit(child)

        visit(modulestore.get_item(root_block_usage_key, depth=None, lazy=False))
        return block_structure

    @classmethod
    def create_from_store(cls, root_block_usage_key, block_structure_store):
        """Return the structure of the cache or the storage. Raises BlockStructureNotFound."""
        return block_structure_store.get(root_block_usage_key)

    @classmethod
    def create_new(cls, root_block_usage_key, block_relations, transformer_data, block_data_map):
        """Return the structure of the given parts."""
        block_structure = BlockStructureBlockData(root_block_usage_key)
        block_structure._block_relations = block_relations
        block_structure.transformer_data = transformer_data
        block_structure._block_data_map = block_data_map
        return block_structure
