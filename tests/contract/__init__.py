"""The contract between the platform and what imitates it: see README.md."""
