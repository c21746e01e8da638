from hypothesis import given
from hypothesis import strategies as st

from selbox.store.pathhistory import PathHistory

NAMES = "abc"
TREE = [f"/{x}" for x in NAMES] + [f"/{x}/{y}" for x in NAMES for y in NAMES]
TREE += [f"/{x}/{y}/{z}" for x in NAMES for y in NAMES for z in NAMES]
PATHS = st.lists(st.sampled_from(NAMES + "de"), min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
OPERATIONS = st.lists(st.tuples(st.sampled_from(["rename", "exchange", "remove"]), PATHS, PATHS), max_size=12)


class Tree:
    """The naive model: every file of a tree by its path, with the path that it had at first."""

    def __init__(self) -> None:
        self.origins = {path: path for path in TREE}

    def below(self, path: str) -> list[str]:
        return [each for each in self.origins if each == path or each.startswith(path + "/")]

    def take(self, path: str) -> dict[str, str]:
        return {each[len(path) :]: self.origins.pop(each) for each in self.below(path)}

    def put(self, path: str, taken: dict[str, str]) -> None:
        self.origins.update({path + rest: origin for rest, origin in taken.items()})

    def has_parent(self, path: str) -> bool:
        parent = path.rpartition("/")[0]
        return not parent or parent in self.origins


def are_nested(first: str, second: str) -> bool:
    return f"{first}/".startswith(f"{second}/") or f"{second}/".startswith(f"{first}/")


def apply(tree: Tree, history: PathHistory, operation: str, first: str, second: str) -> None:
    if first not in tree.origins:
        return
    if operation == "remove":
        tree.take(first)
        history.removed(first)
    elif are_nested(first, second) or not tree.has_parent(second):
        return
    elif operation == "rename" and len(tree.below(second)) <= 1:
        taken = tree.take(first)
        tree.take(second)
        tree.put(second, taken)
        history.renamed(first, second)
    elif operation == "exchange" and second in tree.origins:
        from_first, from_second = tree.take(first), tree.take(second)
        tree.put(second, from_first)
        tree.put(first, from_second)
        history.exchanged(first, second)


@given(OPERATIONS)
def test_agrees_with_the_naive_tree(operations: list[tuple[str, str, str]]) -> None:
    tree, history = Tree(), PathHistory()
    for operation in operations:
        apply(tree, history, *operation)
    assert {path: history.original(path) for path in tree.origins} == tree.origins


def test_untouched_paths_are_their_own_origin() -> None:
    history = PathHistory()
    assert history.original("/a/b") == "/a/b"
    history.renamed("/a", "/b")
    assert history.original("/bb/x") == "/bb/x"
    assert history.original("/b/x") == "/a/x"
    assert history.original("/") == "/"


def test_moving_back_leaves_nothing_behind() -> None:
    history = PathHistory()
    history.renamed("/a", "/b")
    history.renamed("/b/x", "/b/y")
    history.renamed("/b", "/c/d")
    assert history.original("/c/d/y/z") == "/a/x/z"
    history.renamed("/c/d", "/a")
    history.renamed("/a/y", "/a/x")
    assert len(history) == 0


def test_a_later_file_of_the_same_name_has_no_history() -> None:
    history = PathHistory()
    history.renamed("/a", "/b")
    history.removed("/b")
    assert history.original("/b/x") == "/b/x"
