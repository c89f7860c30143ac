"""The vocabulary that every other room uses: errors, findings, changes, redaction of secrets."""
