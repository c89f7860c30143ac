"""What a transformer is."""


class BlockStructureTransformer:
    """Collects data once for all learners, and applies it for one learner.

    WRITE_VERSION: version of what `collect` writes; READ_VERSION: the oldest that `transform` can use.
    """

    WRITE_VERSION = 0
    READ_VERSION = 0

    @classmethod
    def name(cls):
        """Return the name under which data is kept."""
        raise NotImplementedError

    @classmethod
    def collect(cls, block_structure):
        """Write what `transform` needs into a structure that has the modulestore's blocks."""

    def transform(self, usage_info, block_structure):
        """Change a structure to what the user of `usage_info` sees."""
