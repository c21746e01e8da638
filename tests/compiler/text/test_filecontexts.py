"""File contexts as text: the lines of ``secilc -f``, in its order."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.compiler.policies import BASE, compile_with_base
from tests.compiler.text.random_statements import FILE_KINDS, contexts
from tests.oracles.secilc import compile_reference, requires_secilc
from tests.strength import tries

from selbox.compiler.text.filecontexts import file_contexts_text

patterns = st.lists(
    st.sampled_from(["/", "a", "bb", ".", "*", "\\.", "\\", "[0-9]", "(/.*)?", "^", "$", "+", "{2}", "|", "]", " "]),
    min_size=1,
    max_size=5,
).map(lambda parts: "/" + "".join(parts))


def test_patterns_come_before_paths_and_short_stems_before_long_ones() -> None:
    policy = compile_with_base(
        '(filecon "/b" file (system_u object_r a ((s0) (s1 (c0 c1 c2)))))'
        '(filecon "/b" any (system_u object_r a ((s0) (s0))))'
        '(filecon "/b(/.*)?" any ())'
        '(filecon "/.*" dir (system_u object_r b ((s0) (s0 (c1 c2)))))'
    )
    assert file_contexts_text(policy) == (
        "/.*\t-d\tsystem_u:object_r:b:s0-s0:c1,c2\n"
        "/b(/.*)?\t<<none>>\n"
        "/b\tsystem_u:object_r:a:s0\n"
        "/b\t--\tsystem_u:object_r:a:s0-s1:c0.c2\n"
    )


@pytest.mark.oracle
@requires_secilc
@settings(
    max_examples=tries(60),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    st.lists(
        st.tuples(patterns, st.sampled_from(FILE_KINDS), st.one_of(contexts, st.just("()"))),
        max_size=12,
        unique_by=lambda entry: entry[:2],
    )
)
def test_lines_and_order_are_those_of_secilc(entries: list[tuple[str, str, str]]) -> None:
    text = "\n".join(f'(filecon "{pattern}" {kind} {context})' for pattern, kind, context in entries)
    reference = compile_reference(BASE, text, read=False)
    assert reference.error == ""
    assert file_contexts_text(compile_with_base(text)) == reference.file_contexts
