"""Decisions as pure functions: data in, data or a refusal out. No file, no process and no network is touched here."""
