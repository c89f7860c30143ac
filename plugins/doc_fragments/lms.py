"""Documentation that the modules and actions share which run something in the LMS."""

from __future__ import annotations


class ModuleDocFragment:
    """Each attribute is a fragment: `lms` is DOCUMENTATION, `lms.release` is RELEASE."""

    # How the LMS is started.
    DOCUMENTATION = r"""
options:
  manage_argv:
    description: Command that runs the LMS's manage.py, up to and including C(lms) and its options.
    type: list
    elements: str
    required: true
attributes:
  action_group:
    description: Use C(group/openedx_operators.block_structure.lms) in C(module_defaults) to set defaults for this module.
    membership: [openedx_operators.block_structure.lms]
    support: full
"""

    # The release is known.
    RELEASE = r"""
options:
  release:
    description: Row of the release table (C(vars/releases.yml) of the role), with its name.
    type: dict
    required: true
"""

    # The release is identified in the same boot.
    IDENTIFY = r"""
options:
  identify:
    description: How the installed release is identified in the same boot, as
      RV(openedx_operators.block_structure.resolve#module:desired)
      has it under C(identify).
    type: dict
    required: true
"""

    # The one or the other.
    RELEASE_OR_IDENTIFY = r"""
options:
  release:
    description:
      - Row of the release table (C(vars/releases.yml) of the role), with its name.
      - Exactly one of O(release) and O(identify) is required.
    type: dict
  identify:
    description:
      - How the installed release is identified in the same boot, as
        RV(openedx_operators.block_structure.resolve#module:desired) has it
        under C(identify).
      - Fails when no release can be identified for certain, or when it is not the one that the operator named.
    type: dict
"""

    # An action that runs in the background of the host and is followed from the controller.
    FOLLOWED = r"""
options:
  run_dir:
    description: Directory on the host that holds the directories of all runs.
    type: path
    required: true
  events_path:
    description:
      - File on the controller to which each event of the run is appended, one JSON object a line.
      - A file beside it that ends in C(.stop) stops the run.
    type: path
"""

    # How structures are generated.
    GENERATION = r"""
options:
  generation:
    description: How structures are generated.
    type: dict
    suboptions:
      engine:
        description: V(local) forks processes on the host, V(celery) enqueues on the platform's own workers.
        type: str
      workers:
        description: Processes of the local engine; one per core less one when unset.
        type: int
      memory_mb:
        description: MiB that all processes together may use; three quarters of what is free when unset.
        type: int
      course_timeout_seconds:
        description: Seconds after which a course that is not finished has failed.
        type: int
      patience_seconds:
        description: Seconds that storage, database or Celery workers may be unavailable before the run ends.
        type: int
      routing_key:
        description: Routing key of the tasks of the celery engine; the default queue of the LMS when unset.
        type: str
      batch:
        description: Tasks that the celery engine has enqueued at a time.
        type: int
"""
