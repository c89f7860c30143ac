"""Block structures as JSON. Facts: edx-platform lms/djangoapps/course_api/blocks/serializers.py."""

from openedx.core.djangoapps.content.block_structure.collectors import BlocksAPITransformer


def serialize(structure, fields, depth, nav_depth):
    """Return {root, blocks} of a structure.

    fields: names of what each block shows. depth: levels below the root, None for all. nav_depth: from this level on a
    block lists all its descendants, None for no such list.
    """
    root = structure.root_block_usage_key
    blocks, level, waiting = {}, 0, [root]
    while waiting and (depth is None or level <= depth):
        below = []
        for usage_key in waiting:
            block = _block(structure, usage_key, fields)
            if nav_depth and level >= nav_depth:
                block["descendants"] = _descendants(structure, usage_key)
            blocks[str(usage_key)] = block
            below.extend(structure.get_children(usage_key))
        waiting, level = below, level + 1
    return {"root": str(root), "blocks": blocks}


def _block(structure, usage_key, fields):
    """Return one block."""
    block = {
        "id": str(usage_key),
        "block_id": usage_key.block_id,
        "type": usage_key.block_type,
        "display_name": structure.get_xblock_field(usage_key, "display_name"),
    }
    if "children" in fields:
        children = [str(child) for child in structure.get_children(usage_key)]
        if children:
            block["children"] = children
    if "height" in fields:
        block["height"] = structure.get_transformer_block_field(usage_key, BlocksAPITransformer, "height")
    for name in fields - block.keys() - {"height"}:
        value = structure.get_xblock_field(usage_key, name)
        if value is not None:
            block[name] = value.isoformat() if hasattr(value, "isoformat") else value
    return block


def _descendants(structure, usage_key):
    """Return the keys of everything below a block."""
    return [str(key) for key in structure.topological_traversal(start_node=usage_key) if key != usage_key]
