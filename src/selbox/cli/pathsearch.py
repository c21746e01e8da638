"""What searches for steps and paths between types have in common: their arguments, and their results as text."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice, pairwise

from selbox.analysis.graphs import Graph, Path
from selbox.analysis.matching import known_type
from selbox.cli.outputs import STANDARD_OUTPUT, Output, file_or_standard_output, write_outputs
from selbox.cli.searched import add_common_arguments
from selbox.cli.verb import UsageError
from selbox.diagnostics import Diagnostic, SelboxError, did_you_mean
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.analysis.catalogue import Catalogue
    from selbox.analysis.foundrule import FoundRule
    from selbox.analysis.table import Table
    from selbox.cli.output import JsonValue
    from selbox.cli.terminal import Terminal

_VALUES: Final = {"true": True, "false": False, "on": True, "off": False}

_Rules = Callable[[int, int], "list[FoundRule]"]
"""Gives the rules behind a step."""


class Wording(NamedTuple):
    """How a program says what it has found; numbers and names stand in braces.

    Attributes:
        path: heading of a path.
        path_step: line of a step of a path.
        step: line of a step where there is no path.
        paths_found: line about how many paths there are.
        steps_found: line about how many steps there are where there is no path.
    """

    path: str
    path_step: str
    step: str
    paths_found: str
    steps_found: str


class Request(NamedTuple):
    """What is searched for.

    Attributes:
        source: type id.
        target: type id; None for what one step leads to.
        steps: of paths the most; None for the shortest ones.
        reverse: whether steps are followed backwards.
        limit: how many results are shown; None for all.
    """

    source: int
    target: int | None
    steps: int | None
    reverse: bool
    limit: int | None

    def paths(self, graph: Graph) -> Iterator[Path]:
        """Yield what is found, with the source first; of one step where there is no target."""
        if self.target is None:
            if self.reverse:
                found = graph.ordered(graph.predecessors(1 << self.source))
            else:
                found = graph.ordered(graph.successors[self.source])
            paths: Iterator[Path] = ((self.source, each) for each in found)
        else:
            if self.reverse:
                graph = graph.turned_round()
            if self.steps is None:
                paths = graph.shortest_paths(self.source, self.target)
            else:
                paths = graph.all_paths(self.source, self.target, self.steps)
        return islice(paths, self.limit)

    def step(self, pair: tuple[int, int]) -> tuple[int, int]:
        """Return the step that leads between neighbours of a path, from where it begins."""
        return (pair[1], pair[0]) if self.reverse else pair


class Found(NamedTuple):
    """What was found.

    Attributes:
        request: what was searched for.
        wording: how it is said.
        names: of types, by id.
        paths: what was found.
        detail: gives the lines about a step that are shown besides; None to show none.
        rules: gives the rules of a step, where these are wanted.
        statistics: how many types and steps there are in all, where this is wanted.
        notices: warnings about the policy.
        is_silent: whether a picture has taken the place of the text.
    """

    request: Request
    wording: Wording
    names: Sequence[str]
    paths: Iterator[Path]
    detail: Callable[[int, int], str] | None
    rules: _Rules | None
    statistics: tuple[int, int] | None
    notices: tuple[Diagnostic, ...]
    is_silent: bool = False

    @property
    def exit_status(self) -> int:
        """0 also when nothing was found, as of the original."""
        return 0

    def to_text(self, terminal: "Terminal") -> str:  # noqa: ARG002 - every result is asked so
        """Return what was found as SETools writes it."""
        return "".join(self.text_pieces()).removesuffix("\n")

    def text_pieces(self) -> Iterator[str]:
        """Yield the text as paths are found: there may be more than memory holds."""
        return iter(()) if self.is_silent else self._pieces()

    def to_json(self) -> "JsonValue":
        """Return the paths as lists of names, and each step that is on any of them once."""
        paths = list(self.paths)
        steps = dict.fromkeys(self.request.step(pair) for path in paths for pair in pairwise(path))
        result: dict[str, JsonValue] = {
            "source": self.names[self.request.source],
            "target": None if self.request.target is None else self.names[self.request.target],
            "paths": [self._path(each) for each in paths],
            "steps": [
                {
                    "source": self.names[source],
                    "target": self.names[target],
                    "rules": None if self.rules is None else [each._asdict() for each in self.rules(source, target)],
                }
                for source, target in steps
            ],
        }
        if self.statistics is not None:
            result["statistics"] = {"types": self.statistics[0], "steps": self.statistics[1]}
        return result

    def to_table(self) -> "Table":
        """Return a row for each step of each path, and where rules are wanted for each rule of it."""
        from selbox.analysis.table import Cell, Table

        rows: list[tuple[Cell, ...]] = []
        for number, path in enumerate(self.paths, 1):
            for place, (source, target) in enumerate(map(self.request.step, pairwise(path)), 1):
                row = number, place, self.names[source], self.names[target]
                if self.rules is None:
                    rows.append(row)
                else:
                    rows += [(*row, each.text) for each in self.rules(source, target)]
        columns = ("path", "step", "source", "target")
        return Table(columns if self.rules is None else (*columns, "rule"), rows)

    def _path(self, path: Path) -> list[str]:
        names = [self.names[each] for each in path]
        return names[::-1] if self.request.reverse else names

    def _pieces(self) -> Iterator[str]:
        count = 0
        for count, path in enumerate(self.paths, 1):
            yield from self._single(count, path) if self.request.target is None else self._whole(count, path)
        found = self.wording.steps_found if self.request.target is None else self.wording.paths_found
        yield f"\n{found.format(count)}\n"
        if self.statistics is not None:
            types, steps = self.statistics
            yield f"\nGraph statistics:\nGraph nodes: {types}\nGraph edges: {steps}\n"

    def _single(self, number: int, path: Path) -> Iterator[str]:
        source, target = self.request.step((path[0], path[1]))
        yield self.wording.step.format(number, self.names[source], self.names[target]) + "\n"
        if self.detail is not None:
            yield self.detail(source, target)

    def _whole(self, number: int, path: Path) -> Iterator[str]:
        yield self.wording.path.format(number) + "\n"
        for place, (source, target) in enumerate(map(self.request.step, pairwise(path)), 1):
            yield self.wording.path_step.format(place, self.names[source], self.names[target]) + "\n"
            if self.detail is not None:
                yield self.detail(source, target)
        # The original leaves the empty line out where the limit is what ends the list.
        if number != self.request.limit:
            yield "\n"


def add_path_arguments(parser: "ArgumentParser", noun: str) -> None:
    """Declare the arguments that these verbs have in common.

    Args:
        parser: of the verb.
        noun: what the limit limits.
    """
    add = parser.add_argument
    add(
        "-p", "--policy", action="append", default=[], metavar="POLICY", help="policy to search; sources may be several"
    )
    add("-s", "--source", required=True, metavar="TYPE", help="type that the search begins with")
    add("-t", "--target", metavar="TYPE", help="type that paths are to lead to")
    add("-S", "--shortest_path", action="store_true", help="show all shortest paths to the target")
    add("-A", "--all_paths", type=int, metavar="STEPS", help="show all paths to the target of so many steps or fewer")
    add("-r", "--reverse", action="store_true", help="follow the steps backwards")
    add("-l", dest="limit", type=int, default=0, metavar="NUMBER", help=f"show no more {noun} than this")
    add(
        "-b",
        "--booleans",
        metavar="VALUES",
        help="leave rules out that are off: default, or NAME:true,NAME:false… for others than their defaults",
    )
    add("--full", action="store_true", help="show the rules behind each step")
    add("--stats", action="store_true", help="show how many types and steps there are in all")
    add("--graphviz", metavar="FILE", help="write a picture for GraphViz; - is standard output")
    add("--svg", "-o", "--output_file", metavar="FILE", help="write a picture as SVG; - is standard output")
    add("exclude", nargs="*", metavar="EXCLUDED", help="types, or attributes, that are left out")
    add_common_arguments(parser)


def check_path_arguments(arguments: "Namespace") -> None:
    """Refuse what is not to be combined.

    Raises:
        UsageError: with what is wrong.
    """
    is_path = arguments.shortest_path or arguments.all_paths is not None
    if is_path and not arguments.target:
        raise UsageError.of("usage", "a target is needed to search for paths", help="write -t TYPE")
    if arguments.target and not is_path:
        advice = "write -S for the shortest paths, or -A STEPS for all"
        raise UsageError.of("usage", "which paths to the target are to be shown?", help=advice)
    if arguments.all_paths is not None and arguments.all_paths < 1:
        raise UsageError.of("usage", "a path has one step at least", help="write -A 3")
    if arguments.limit < 0:
        raise UsageError.of("usage", "the limit cannot be less than 0")
    if arguments.svg is not None and arguments.svg.lower().endswith(".png"):
        advice = "write -o FILE.svg; or --graphviz FILE.dot, and dot -Tpng FILE.dot"
        raise UsageError.of("usage", "pictures are written as SVG, not as PNG", help=advice)
    if arguments.graphviz == arguments.svg == "-":
        raise UsageError.of("usage", "only one picture can go to standard output")


def request_of(arguments: "Namespace", catalogue: "Catalogue") -> Request:
    """Return what is searched for.

    Raises:
        SelboxError: ``unknown-type``.
    """
    return Request(
        _type(catalogue, arguments.source),
        _type(catalogue, arguments.target) if arguments.target else None,
        None if arguments.shortest_path else arguments.all_paths,
        arguments.reverse,
        arguments.limit or None,
    )


def excluded_types(arguments: "Namespace", catalogue: "Catalogue") -> list[int]:
    """Return the ids of the types and attributes that are to be left out.

    Raises:
        SelboxError: ``unknown-type``.
    """
    return [known_type(catalogue, each) for each in arguments.exclude]


def _type(catalogue: "Catalogue", name: str) -> int:
    found = known_type(catalogue, name)
    if found in catalogue.attributes:
        raise SelboxError.of("unknown-type", f"`{name}` is an attribute; a type is expected")
    return found


def boolean_values(arguments: "Namespace", catalogue: "Catalogue") -> list[bool] | None:
    """Return the values of the booleans, by id; None when all rules count.

    Raises:
        UsageError: when what is written is no value.
        SelboxError: ``unknown-boolean``.
    """
    if arguments.booleans is None:
        return None
    values = list(catalogue.defaults)
    if arguments.booleans == "default":
        return values
    for word in arguments.booleans.split(","):
        name, _, value = word.partition(":")
        if value.lower() not in _VALUES:
            advice = "write -b default, or -b NAME:true,NAME:false"
            raise UsageError.of("usage", f"`{word}` does not set a boolean", help=advice)
        if name not in catalogue.booleans:
            advice = did_you_mean(name, catalogue.booleans)
            raise SelboxError.of("unknown-boolean", f"the policy has no boolean `{name}`", help=advice)
        values[catalogue.booleans.index(name)] = _VALUES[value.lower()]
    return values


def with_pictures(arguments: "Namespace", found: Found, title: str, rules: _Rules) -> Found:
    """Write the pictures that are wanted of what was found, and return it.

    Args:
        arguments: of the command line.
        found: its paths are gone through where there is a picture.
        title: of the picture.
        rules: gives the rules of a step.

    Raises:
        SelboxError: ``file-unwritable``.
    """
    wanted = [each for each in ("graphviz", "svg") if getattr(arguments, each) is not None]
    if not wanted:
        return found
    from selbox.cli import pictures

    paths = list(found.paths)
    names = found.names
    steps = [
        pictures.Step(names[source], names[target], "\n".join(each.text for each in rules(source, target)))
        for source, target in dict.fromkeys(found.request.step(pair) for path in paths for pair in pairwise(path))
    ]
    start = names[found.request.source]
    outputs = [
        Output(
            file_or_standard_output(getattr(arguments, each)),
            (pictures.svg if each == "svg" else pictures.graphviz)(title, start, steps).encode(),
        )
        for each in wanted
    ]
    write_outputs(outputs)
    is_silent = any(each.path == STANDARD_OUTPUT for each in outputs)
    return found._replace(paths=iter(paths), is_silent=is_silent)


def remembered(detail: Callable[[int, int], str]) -> Callable[[int, int], str]:
    """Return a function that works out the lines about a step once, however many paths it is on."""
    return cache(detail)
