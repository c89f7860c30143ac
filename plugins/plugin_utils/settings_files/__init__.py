"""Edits of Open edX settings files (YAML, JSON) on the controller; one key changes, every other byte stays."""
