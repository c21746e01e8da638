"""The directory that the workloads work in: the measuring program, a tree of files, a project to build."""

import os
import shutil
import subprocess

_HERE = os.path.dirname(os.path.abspath(__file__))
_DIRECTORIES, _FILES_EACH = 60, 100
_UNITS = 40
FILES = _DIRECTORIES * _FILES_EACH + 1
"""Files in the tree."""
_TEXT = "The quick brown fox jumps over the lazy dog.\n" * 8

LABEL = "system_u:object_r:bench.{}:s0"
SOFTWARE = "system_u:object_r:software_t:s0"


class NoCompilerError(Exception):
    """The measuring program cannot be built here; says why."""


class Workshop:
    """Makes everything below one directory.

    Args:
        directory: empty.

    Raises:
        NoCompilerError: when there is no C compiler that links statically.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.tools = self.path("tools")
        self.loops = os.path.join(self.tools, "loops")
        os.mkdir(self.tools)
        self.floor = os.path.join(self.tools, "floor")
        for program in (self.loops, self.floor):
            _compile(os.path.join(_HERE, f"{os.path.basename(program)}.c"), program)
        for name in ("open.txt", "forbidden.txt"):
            _write(self.path(name), _TEXT)
        os.mkdir(self.path("tmp"))
        self._make_tree()
        self._make_project()

    def path(self, name: str) -> str:
        """Return the path of something in the directory."""
        return os.path.join(self.directory, name)

    def make(self, name: str) -> str:
        """Return the path of a directory of that name, which is made when it is not there, for everybody to enter."""
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o755)  # noqa: S103 - servers give up root and read their files
        return path

    def labels(self) -> list[str]:
        """Return the options that label the directory for the domain of ``bench.cil``."""
        labels = {
            self.directory: LABEL.format("data_t"),
            self.tools: LABEL.format("program_t"),
            self.path("forbidden.txt"): LABEL.format("forbidden_t"),
        }
        return [word for path, context in labels.items() for word in ("--label", f"{path}={context}")]

    def _make_tree(self) -> None:
        for directory in range(_DIRECTORIES):
            os.makedirs(self.path(f"tree/d{directory}"))
            for file in range(_FILES_EACH):
                _write(self.path(f"tree/d{directory}/f{file}.txt"), _TEXT)
        _write(self.path("tree/needle.txt"), "a needle\n")

    def _make_project(self) -> None:
        units = [f"unit{each}" for each in range(_UNITS)]
        os.mkdir(self.path("project"))
        for unit in units:
            body = '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include "all.h"\n'
            _write(self.path(f"project/{unit}.c"), f'{body}int {unit}(void) {{ return puts("{unit}"); }}\n')
        _write(self.path("project/all.h"), "".join(f"int {unit}(void);\n" for unit in units))
        calls = " + ".join(f"{unit}()" for unit in units)
        _write(self.path("project/main.c"), f'#include "all.h"\nint main(void) {{ return {calls} < 0; }}\n')
        objects = " ".join(f"{name}.o" for name in ("main", *units))
        _write(self.path("project/Makefile"), f"program: {objects}\n\t$(CC) -o $@ $^\n%.o: %.c all.h\n\t$(CC) -c $<\n")

    def clean_project(self) -> None:
        """Remove what a build made."""
        for name in os.listdir(self.path("project")):
            if name.endswith(".o") or name == "program":
                os.unlink(self.path(f"project/{name}"))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def _compile(source: str, program: str) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise NoCompilerError("there is no C compiler (gcc or cc) on PATH")
    command = [compiler, "-O2", "-static", "-o", program, source]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise NoCompilerError(f"{compiler} cannot build {source} statically:\n{result.stderr.rstrip()}")
