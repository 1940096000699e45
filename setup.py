"""The one build step that pyproject.toml cannot tell: the content of the root folders goes into the wheel.

`agents`, `envs`, `leagues` and `replays` become marl_ppo/bundled/agents and so on. In a clone, and so in an editable install,
the root folders themselves are what is bundled (marl_ppo/workspace.py).
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONTENT = ("agents", "envs", "leagues", "replays")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "tests")


class BuildWithContent(build_py):
    """Copies the content beside the modules."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in filter(Path.is_dir, map(Path, CONTENT)):
            copy = Path(self.build_lib, "marl_ppo", "bundled", folder)
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy, ignore=LEFT_OUT)


setup(cmdclass={"build_py": BuildWithContent})
