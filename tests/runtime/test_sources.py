"""The package as text: what carries it into settings executes its modules one after the other, from no file."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from . import servers
from .test_keys import TABLE, interpreter

# In the order in which they import each other. gunicorn_hooks is imported by gunicorn's configuration file alone.
ORDER = ["__init__", "reports", "collector", "keys", "worker", "celery_hooks", "settings_hooks"]
PROGRAM = """
import json, os, sys, types, gc

before = gc.get_threshold()
for name, text in json.load(sys.stdin):
    module = types.ModuleType(str(name))
    module.__package__, module.__path__ = str("block_structure_runtime"), []
    module.__file__ = sys.argv[1] + "/package/" + name + ".py"
    sys.modules[name] = module
    exec(compile(text, module.__file__, "exec", 0, True), module.__dict__)
module.install(collector="out_of_band", keys="hash_once")
worker = sys.modules["block_structure_runtime.worker"]
said = worker.parse(os.environ["BLOCK_STRUCTURE_RUNTIME"])
reports = sys.modules["block_structure_runtime.reports"].REPORTS
print(json.dumps([before == gc.get_threshold(), said, reports, os.path.isdir(reports)]))
"""


def texts() -> list[tuple[str, str]]:
    """Return name and text of each module."""
    package = servers.PACKAGE.name
    return [
        (package if name == "__init__" else f"{package}.{name}", (servers.PACKAGE / f"{name}.py").read_text(encoding="ascii"))
        for name in ORDER
    ]


@pytest.mark.parametrize("python", [python for python in TABLE if interpreter(python)])
def test_the_modules_are_executed_from_text_and_leave_other_processes_alone(python, tmp_path):
    """Such as manage.py: nothing of it serves requests."""
    system = {name: value for name, value in os.environ.items() if name not in ("SERVICE_VARIANT", "PYTHONPATH")}
    command = [interpreter(python), "-c", PROGRAM, tmp_path]
    done = subprocess.run(command, input=json.dumps(texts()), env=system, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reports = str(tmp_path / "reports")
    assert json.loads(done.stdout) == [True, {"collector": "out_of_band", "keys": "hash_once"}, reports, True]


def test_no_text_ends_the_string_that_carries_it():
    assert all("'''" not in text for _name, text in texts())


def test_every_module_is_carried():
    assert {path.stem for path in servers.PACKAGE.glob("*.py")} == {*ORDER, "gunicorn_hooks"}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", ("stock", "stock")),
        ("collector=out_of_band", ("out_of_band", "stock")),
        ("keys=hash_once,collector=out_of_band,other=1", ("out_of_band", "hash_once")),
        ("50000,20,100,freeze", ("stock", "stock")),
    ],
)
def test_the_environment_says_how(text, chosen):
    program = "import sys, json; from block_structure_runtime.worker import parse; print(json.dumps(parse(sys.argv[1])))"
    system = {**os.environ, "PYTHONPATH": str(servers.PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program, text], env=system, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == dict(zip(("collector", "keys"), chosen, strict=True))
