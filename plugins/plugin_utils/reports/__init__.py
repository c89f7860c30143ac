"""Reports of the verbs: turn the data of a run into lines, a report and an exit code for role and CLI."""
