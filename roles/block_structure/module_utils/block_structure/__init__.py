"""The decisions of the role, shared by modules, plugins and scripts.

Standard library only and the syntax of Python 3.8, because Ansible carries this package to managed hosts. Two files are
special: `yaml_edit` needs PyYAML and runs on the controller alone, `probe/` runs inside the LMS and keeps to Python 2.7.
"""
