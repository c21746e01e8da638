"""Modules that are first needed in the middle of a call are imported as the supervisor itself.

A handler may run with the credentials of a task that cannot read Python's own files, and whatever Python writes, such
as compiled modules, must not belong to a task.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

from selbox.enforce.credentials import own_credentials_held
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Loader


@contextmanager
def importing_as_oneself() -> Iterator[None]:
    """Have every import be done with the supervisor's own credentials, whatever the importing thread was lent."""
    finder = _OwnFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _OwnFinder:
    """Finds modules as the finders behind it do, and has them loaded as they are found."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how a module is to be loaded, or None where nobody finds it."""
        with own_credentials_held():
            for finder in sys.meta_path:
                spec = None if finder is self else finder.find_spec(name, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _OwnLoader(spec.loader)  # type: ignore[assignment]
                    return spec
        return None


class _OwnLoader:
    """Loads a module as another loader does, which is the module's own from then on."""

    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return a new module, or None for an ordinary one."""
        with own_credentials_held():
            return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        with own_credentials_held():
            self._loader.exec_module(module)
