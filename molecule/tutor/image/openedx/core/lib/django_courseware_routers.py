"""The router of that app: one that routes nothing."""


class StudentModuleHistoryExtendedRouter:
    """Django asks a router only for the methods that it has."""
