"""What a language has no words for is named at the head of its text."""

import pytest
from tests.compiler.policies import BASE, compile_texts, compile_with_base
from tests.oracles.checkpolicy import compile_language, requires_checkpolicy
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.binary.kernel import read_policy
from selbox.compiler.text.cil import policy_to_cil
from selbox.compiler.text.policylanguage import policy_to_language
from selbox.model.constraint import CompareNames, Comparison, Constraint, NamesForm, Operand
from selbox.model.labelling import FileKind, GenericFilesystemContext
from selbox.model.policy import Policy, Target
from selbox.model.rules import NamedTransition
from selbox.model.symbols import Category

ALL_SAID = compile_with_base("(mlsconstrain (file (read)) (dom h1 h2))")


def notes(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("; ", "# "))]


def test_nothing_is_noted_when_all_is_said() -> None:
    assert notes(policy_to_cil(ALL_SAID)) == []
    assert notes(policy_to_language(ALL_SAID)) == ["# handle_unknown allow"]


def test_what_no_language_says() -> None:
    policy = ALL_SAID._replace(target=Target.XEN, unknown_capabilities=1 << 40 | 1 << 42, unknown_config=0x100)
    expected = [
        "to be compiled for Xen",
        "left out: policy capabilities that have no known name: 40 42",
        "left out: unknown settings of the binary policy: 0x100",
    ]
    assert notes(policy_to_cil(policy)) == [f"; {line}" for line in expected]
    assert notes(policy_to_language(policy))[1:] == [f"# {line}" for line in expected]


def test_what_the_policy_language_does_not_say() -> None:
    policy = compile_with_base(
        "(mlsconstrain (file (read)) (dom h1 h2)) (rolebounds system_r staff_r) (userprefix staff_u staff)"
        '(selinuxuserdefault staff_u ((s0) (s0))) (filecon "/" any ()) (filecon "/a" any ())'
        "(userrole system_u staff_r) (userbounds system_u staff_u) (type low)"
        '(netifcon "eth*" (system_u object_r a ((s0) (s0))) (system_u object_r a ((s0) (s0))))'
    )
    assert notes(policy_to_language(policy))[1:] == [
        "# written, though the language takes no such names: low",
        "# left out: 1 contexts of file systems, interfaces and devices whose names are none of the language",
        "# left out: 1 bounds of roles",
        "# left out: 1 bounds of users",
        "# left out: 1 prefixes of users",
        "# left out: 1 logins",
        "# left out: 2 file contexts",
    ]
    assert notes(policy_to_cil(policy)) == []


def test_what_cil_does_not_say() -> None:
    file_id, a = ALL_SAID.class_ids["file"], ALL_SAID.type_ids["a"]
    role, *others = ALL_SAID.roles[1:]
    policy = ALL_SAID._replace(
        named_transitions=tuple(NamedTransition(a, a, file_id, name, a) for name in ("*", 'q"', "plain")),
        genfs_contexts=(GenericFilesystemContext("proc", '/"', ALL_SAID.initial_sids[1].context),),  # type: ignore[arg-type]
        roles=(ALL_SAID.roles[0], role._replace(dominates=0b110), *others),
        types=tuple(each._replace(name="0a") if each.name == "a" else each for each in ALL_SAID.types),
    )
    text = policy_to_cil(policy)
    assert notes(text) == [
        f"; left out: the roles that these dominate: {role.name}",
        "; written, though CIL takes no such names: 0a",
        "; left out: 2 named transitions whose names hold quotes, or are `*`, which CIL takes for any name",
        "; left out: 1 contexts of paths with quotes",
    ]
    assert '(typetransition 0a 0a file "plain" 0a)\n' in text
    assert '"*"' not in text
    assert "genfscon" not in text


def test_contexts_of_a_path_by_kind_are_for_the_policy_language() -> None:
    context = ALL_SAID.initial_sids[1].context
    assert context is not None
    kinds = (FileKind.DIRECTORY, FileKind.FILE)
    policy = ALL_SAID._replace(
        genfs_contexts=tuple(GenericFilesystemContext("proc", "/a", context, kind) for kind in kinds)
    )
    expected = ["; written, though compilers of CIL keep one: contexts of a path that differ by the kind of file"]
    assert notes(policy_to_cil(policy)) == expected
    assert notes(policy_to_language(policy)) == ["# handle_unknown allow"]


def test_numbers_without_names_are_left_out() -> None:
    policy = ALL_SAID._replace(
        categories=(*ALL_SAID.categories, Category("@category0006")),
        classes=tuple(
            each._replace(permissions=(*each.permissions, "@permission0005")) if each.name == "socket" else each
            for each in ALL_SAID.classes
        ),
    )
    assert policy_to_cil(policy) == policy_to_cil(ALL_SAID)
    assert policy_to_language(policy) == policy_to_language(ALL_SAID)


def test_numbers_without_names_that_are_used_are_noted() -> None:
    hole = 1 << len(ALL_SAID.categories)
    first, *others = ALL_SAID.sensitivities
    policy = ALL_SAID._replace(
        categories=(*ALL_SAID.categories, Category("@category0006")),
        sensitivities=(first._replace(categories=0b1 | hole), *others),
        classes=tuple(
            each._replace(permissions=("conn\x01ct", *each.permissions[1:])) if each.name == "socket" else each
            for each in ALL_SAID.classes
        ),
    )
    assert notes(policy_to_cil(policy)) == [
        "; written, though CIL takes no such names: conn\x01ct",
        "; written, though nothing is declared for them: @category0006",
    ]


def comparing(ids: int, names: tuple[str, ...], **more: object) -> Policy:
    """Return a policy with one constraint on types, as no CIL source but a binary of checkpolicy can hold it."""
    term = CompareNames(Operand.TYPE_1, Comparison.NOT_EQUAL, ids, names)._replace(**more)  # type: ignore[arg-type]
    return ALL_SAID._replace(
        constraints=(*ALL_SAID.constraints, Constraint(ALL_SAID.class_ids["dir"], 1, (term,), False))
    )


def test_sets_of_types_with_operators_are_written_out() -> None:
    a, b = (1 << ALL_SAID.type_ids[name] for name in "ab")
    policy = comparing(a | b, ("c", "d"), form=NamesForm.COMPLEMENT)
    assert "(constrain (dir (ioctl)) (neq t1 (a b)))\n" in policy_to_cil(policy)
    assert "constrain dir { ioctl } t1 != { a b };\n" in policy_to_language(policy)
    assert "(neq t1 a)" in policy_to_cil(comparing(a, ("domain",), excluded=("b", "kernel_t")))


@pytest.mark.oracle
@requires_secilc
@requires_checkpolicy
def test_no_types_at_all() -> None:
    policy = comparing(0, ())
    assert "(or (eq t1 t2) (neq t1 t2))" in policy_to_cil(policy)
    assert compile_reference(policy_to_cil(policy), read=False).error == ""
    assert compile_language(policy_to_language(policy), "allow")


@pytest.mark.oracle
@requires_checkpolicy
def test_a_role_that_dominates_another_is_said_in_the_policy_language() -> None:
    roles = ALL_SAID.role_ids["system_r"], ALL_SAID.role_ids["staff_r"]
    policy = ALL_SAID._replace(
        roles=tuple(
            each._replace(dominates=each.dominates | 1 << roles[1]) if index == roles[0] else each
            for index, each in enumerate(ALL_SAID.roles)
        )
    )
    text = policy_to_language(policy)
    assert "dominance { role system_r { role staff_r; } }\n" in text
    again = read_policy(compile_language(text, "allow")[0], "policy")
    assert again.roles[again.role_ids["system_r"]].dominates >> again.role_ids["staff_r"] & 1


@pytest.mark.oracle
@requires_checkpolicy
def test_the_policy_language_is_given_a_constraint_about_levels() -> None:
    text = policy_to_language(compile_texts(BASE))
    assert "mlsconstrain process { transition } (u1 == u2 or u1 != u2);\n" in text
    compile_language(text, "allow")
    text = policy_to_language(
        compile_with_base("(constrain (file (read)) (eq r1 r2)) (constrain (file (write)) (eq u1 u2))")
    )
    assert "mlsconstrain file { read } r1 == r2;\n" in text
    assert "\nconstrain file { write } u1 == u2;\n" in text
    compile_language(text, "allow")
