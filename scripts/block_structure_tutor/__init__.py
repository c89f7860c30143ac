"""Tutor's plugin `block-structure`: settings in Tutor's configuration, decided and rendered as the role does.

The decisions are those of plugins/module_utils/decisions, the patches those of plugins/plugin_utils/tutor_plugin.py, and the
program in the LMS is the probe. Nothing here needs Ansible. Runs under every Python that Tutor 15 and later run on.
"""
