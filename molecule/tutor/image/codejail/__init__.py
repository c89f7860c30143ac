"""Stand-in of the package codejail, which Tutor switches off in its settings."""
