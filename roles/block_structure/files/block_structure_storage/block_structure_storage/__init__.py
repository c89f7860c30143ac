"""An S3 storage for Open edX block structures that never fails a learner.

STORAGE_CLASS: block_structure_storage.storage.ResilientS3Storage
"""

__version__ = "1.1.0"
