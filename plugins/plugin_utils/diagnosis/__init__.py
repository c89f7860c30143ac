"""Diagnosis of a site: one file per subject turns the facts of a snapshot into findings. Pure; nothing here contacts a host.

`catalogue` lists every finding, `cost` estimates their cost, `cure` turns them into variables; verdict.site() runs all.
"""
