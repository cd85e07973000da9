"""Which modules are commands, and that the others are explained."""

from pathlib import Path

import experiments
from experiments.__main__ import commands, main

MODULES = {path.stem for path in Path(experiments.__file__).parent.glob("[!_]*.py")}


def test_commands_and_the_parts_they_are_made_of(capsys):
    main()
    printed = capsys.readouterr().out
    assert {"describe_env", "rollout", "stress", "throughput", "reproduce_published"} <= set(commands())
    for name, told in commands().items():
        assert f"python -m experiments.{name}\n    {told}" in printed
        assert told.endswith(".") or ":" in told
    missing = {name for name in MODULES - set(commands()) if f"``{name}``" not in experiments.__doc__}
    assert not missing, "modules without a main, to be named in experiments/__init__.py"
