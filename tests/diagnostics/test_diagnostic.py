import pickle

import pytest

from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError, SourceFile, Span
from selbox.server.report import InvalidTransitionError
from selbox.store.policyfiles import compile_sources

SOURCE = SourceFile("docs.cil", "(allow docx_t self (file (read)))\n" * 100)
PLACED = Diagnostic("cil-unknown-type", "no type `docx_t` is declared here", Span(SOURCE, 23, 8, 6))
PLACELESS = Diagnostic("no-permission", "no permission is asked for")


def test_text_begins_with_the_place() -> None:
    assert str(PLACED) == "docs.cil:23:8: no type `docx_t` is declared here"
    assert str(PLACELESS) == "no permission is asked for"
    assert str(SelboxError(PLACED)) == str(PLACED)
    assert str(SelboxError(PLACED, PLACELESS)) == f"{PLACED}; {PLACELESS}"
    assert str(SelboxError.of("no-permission", PLACELESS.message)) == PLACELESS.message


def test_errors_of_the_compiler_name_file_line_and_column() -> None:
    source = SourceFile("docs.cil", "(type docs_t)\n  (allow docx_t docs_t (file (read)))\n")
    with pytest.raises(SelboxError) as caught:
        compile_sources([source], base=True, diagnostics=Diagnostics())
    assert str(caught.value) == "docs.cil:2:10: no type `docx_t` is declared here"


@pytest.mark.parametrize("shown", [repr(PLACED), repr(PLACED.span), repr(SOURCE), repr(SelboxError(PLACED))])
def test_no_representation_holds_the_whole_source(shown: str) -> None:
    assert "<SourceFile 'docs.cil': 3400 characters>" in shown
    assert "(allow" not in shown
    assert len(shown) < 300


def test_errors_go_from_process_to_process() -> None:
    transition = InvalidTransitionError("not valid", "a:b:c", "d:e:f", "g:h:i", "process")
    for error in (SelboxError(PLACED, PLACELESS), transition):
        error.add_note("as it was rendered")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - it is our own
        assert type(again) is type(error)
        assert (str(again), again.diagnostics, again.__notes__) == (str(error), error.diagnostics, error.__notes__)
    assert again.invalid_context == "a:b:c"
