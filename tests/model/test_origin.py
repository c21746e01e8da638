from array import array

from selbox.model.origin import Origin, OriginTable


def test_places_are_found_from_offsets() -> None:
    texts = ["(a)\n\n  (b) (c)", "(d)"]
    starts = [array("I", [0, 4, 5]), array("I", [0])]
    table = OriginTable(["x.cil", "y.cil"], starts, array("I", [0, 0, 0, 1]), array("I", [0, 7, 11, 0]))
    assert [texts[file][offset] for file, offset in zip(table.file, table.offset, strict=True)] == ["("] * 4
    places = [Origin("x.cil", 1, 1), Origin("x.cil", 3, 3), Origin("x.cil", 3, 7), Origin("y.cil", 1, 1)]
    assert list(table) == places
    assert table[-1] == places[-1]
    assert table[1:3] == tuple(places[1:3])
    assert table == OriginTable(table.files, table.line_starts, table.file, table.offset)
