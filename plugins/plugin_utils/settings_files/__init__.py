"""Edit one key of Open edX settings files (YAML, JSON) on the controller; every other byte stays."""
