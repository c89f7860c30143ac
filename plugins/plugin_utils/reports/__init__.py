"""What a verb reports: from the data of a run to the lines, the report and the exit code that role and CLI show."""
