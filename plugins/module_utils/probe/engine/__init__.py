"""What the operations share: access to the platform, stored objects, the lock, the worker pool."""
