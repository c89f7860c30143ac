"""The store of courses. Facts: edx-platform xmodule/modulestore/__init__.py."""


class ModuleStoreEnum:
    """Names that callers of a modulestore use."""

    class Type:
        """Kinds of store."""

        split = "split"

    class Branch:
        """What a reader sees: what is published, or the author's latest edits."""

        draft_preferred = "draft-preferred"
        published_only = "published-only"

    class BranchName:
        """Branches of a course."""

        draft = "draft-branch"
        published = "published-branch"

    class RevisionOption:
        """Which revisions an operation is for."""

        all = "rev-opt-all"

    class UserID:
        """Authors that are no real users."""

        mgmt_command = -1
        test = -3
