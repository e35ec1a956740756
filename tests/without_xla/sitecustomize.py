"""XLA compiles nothing and graphs stay as they are, in processes whose PYTHONPATH begins here.

That would take most of the time of a small training; see `pytest_runtest_protocol` in conftest.py.
"""

import importlib.abc
import importlib.util
import sys


class Finder(importlib.abc.MetaPathFinder):
    """Changes the module that decides about XLA, once it is imported."""

    name = "tfcourse.training.compilation.steps"

    def find_spec(self, name, path, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.compiles_with_xla = lambda model: False
            options = module.tf.config.optimizer.set_experimental_options
            options({"disable_meta_optimizer": True})

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
