"""Packages as CIL, beside what pp makes of them."""

from functools import cache

import pytest
from tests.binary.packages import seed
from tests.oracles.modules import package, requires_module_programs, translated
from tests.oracles.modulesources import VERSIONS, base_source, module_source
from tests.oracles.random_modules import random_module

from selbox.binary.module import Module
from selbox.binary.modulesections.values import RoleSet, SemanticLevel, SymbolTable, TypeSet, User
from selbox.binary.package import Package, read_package
from selbox.compiler.text.module import module_to_cil
from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.language.cil import parse


def ours(content: bytes) -> str:
    return module_to_cil(read_package(content, "p.pp"), "p.pp")


@cache
def small() -> str:
    return ours(seed("small"))


def test_a_small_module() -> None:
    """The one place where the whole text is written down: what pp wrote of the seed ``small``."""
    assert (
        small()
        == """\
(type x_t)
(roletype object_r x_t)
(roleattributeset cil_gen_require r_r)
(roletype r_r x_t)
(typeattributeset cil_gen_require a_t)
(allow x_t a_t (process (signal)))
(allow x_t self (process (signal)))
(booleanif (b)
    (true
        (allow x_t a_t (process (signal)))
    )
)
(optional hand_optional_2
    (typeattributeset cil_gen_require o_t)
    (allow hand_typeattr_1 o_t (process (signal)))
    (typeattribute hand_typeattr_1)
    (typeattributeset hand_typeattr_1 (and (x_t ) (not (a_t ))))
)
(filecon "/x" any (system_u object_r x_t (systemlow systemlow)))
"""
    )


@pytest.mark.parametrize("name", ["module-21", "module-4", "base-21", "base-14", "base-5"])
def test_the_text_can_be_read(name: str) -> None:
    assert parse(SourceFile(f"{name}.cil", ours(seed(name)))).forms


def test_what_is_left_out_is_told() -> None:
    diagnostics = Diagnostics()
    module_to_cil(read_package(seed("base-21"), "p.pp"), "p.pp", diagnostics)
    assert [each.message.split(": ")[1].split(" have")[0] for each in diagnostics.warnings] == [
        "`else` branches of optionals",
        "netfilter contexts",
    ]


def test_unknown_policy_capabilities_are_refused() -> None:
    found = read_package(seed("small"), "p.pp")
    with pytest.raises(SelboxError, match="capability 200") as caught:
        module_to_cil(found._replace(module=found.module._replace(policy_capabilities=1 << 200)), "p.pp")
    assert caught.value.diagnostics[0].code == "module-capability"


def code_of(changed: Module) -> str:
    with pytest.raises(SelboxError) as caught:
        module_to_cil(Package(changed), "p.pp")
    return caught.value.diagnostics[0].code


def test_rules_of_huge_sets_are_refused() -> None:
    found = read_package(seed("small"), "p.pp").module
    names = {each: f"n{each}_t" for each in range(1, 1001)} | found.tables.types.names
    types = found.tables.types._replace(names=names)
    everything = [TypeSet((1 << 1000) - 1, 0, 0)] * len(found.type_sets)
    changed = found._replace(tables=found.tables._replace(types=types), type_sets=everything)
    assert code_of(changed) == "module-too-large"


def test_optionals_that_nest_without_end_are_refused() -> None:
    found = read_package(seed("small"), "p.pp").module
    assert code_of(found._replace(blocks=[found.blocks[0], *[found.blocks[1]] * 1001])) == "module-too-deep"


def test_declarations_that_repeat_themselves_without_end_are_refused() -> None:
    found = read_package(seed("small"), "p.pp").module
    users = {"u" * 4000 + str(each): User(each, 0, RoleSet(0, 0), *[SemanticLevel(0, ())] * 3) for each in range(1, 99)}
    table = SymbolTable(users, {user.value: name for name, user in users.items()}, (1 << 98) - 1)
    (branch,) = found.blocks[1]
    symbols = branch.symbols._replace(users=table)
    many = [(branch._replace(symbols=symbols, required=found.blocks[0][0].required),)] * 900
    assert code_of(found._replace(blocks=[found.blocks[0], *many])) == "module-too-large"


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("mls", [True, False], ids=["mls", "nomls"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("is_base", [True, False], ids=["base", "module"])
def test_every_version_is_as_pp_has_it(version: int, mls: bool, is_base: bool) -> None:
    if mls and version < 5:
        pytest.skip("version 4 has no levels")
    source = (base_source if is_base else module_source)(version, mls=mls)
    content = package(source, *(["-M"] if mls else []), *([] if is_base else ["-m"]), "-c", str(version))
    assert (ours(content), 0) == translated(content)


FILE_CONTEXTS = """\
# comment
/usr/bin/x\t--\tsystem_u:object_r:a_t:s0
   /a(/.*)?   -d system_u:object_r:b_t:s0-s1:c0.c2,c3
/none <<none>>
/any system_u:object_r:a_t
/l -l system_u:object_r:a_t:s0:c1 \t
/b -b u:r:t:s0:c0,,c2.c3,
/c -c u:r:t:
/p -p u:r:t:s0-
/s\t \t-s\t \tu:r:t:s0\r

/é(.*) u:r:t:s0
/end <<none>>"""
SEUSERS = "root:system_u:s0-s1:c0.c2\n__default__:user_u:s0\n\n# x\n\tguest:user_u\nx:y:\n%group:u:s0-s0:c0\n"
USERS_EXTRA = "user system_u prefix user;\n\nuser\tstaff_u  prefix\tstaff;\n# x\nuser a prefix b c;\n"


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize(
    ("name", "text"),
    [("file_contexts", FILE_CONTEXTS), ("seusers", SEUSERS), ("users_extra", USERS_EXTRA), ("netfilter_contexts", "x")],
)
def test_texts_are_as_pp_has_them(name: str, text: str) -> None:
    content = package(base_source(19, mls=False), texts={name: text})
    assert (ours(content), 0) == translated(content)


MODULES = {
    "attributes of roles": "attribute_role q; role s; roleattribute s q; role q types x_t; allow q s; allow s q;",
    "users without levels": "user u_u roles { r }; ",
    "many additions": "\n".join(
        f"type n{each}_t; role r types n{each}_t; typeattribute n{each}_t a;" for each in range(80)
    ),
    "many attributes for sets": "\n".join(
        f"type n{each}_t; allow {{ a -n{each}_t }} x_t:c p; allow {{ a -n{each}_t }} self:c q;" for each in range(12)
    ),
    "the same set twice": "type t; allow { a -t } x_t:c p; allow { a -t } { a -t }:c p; neverallow x_t ~t:c p;",
    "an empty class of rules": "if (b) { } else { allow x_t x_t:c p; }",
    "optionals beside one another": " ".join(
        f"optional {{ require {{ type o{each}; }} allow x_t o{each}:c p; }}" for each in range(5)
    ),
    "optionals that require more permissions": (
        "optional { require { class c z; type o; } allow x_t o:c z; "
        "optional { require { class d y; } allow x_t o:d y; } } optional { require { class c z; } allow x_t x_t:c z; }"
    ),
    "aliases of required types": "require { type w; } typealias w alias { w1 w2 w3 };",
    "roles with sets in optionals": (
        "role v; role v types { a -x_t }; optional { require { type o; } type n; allow n o:c p; role v types n; "
        "optional { require { type o2; } type n2; allow n2 o2:c p; } }"
    ),
    "bounds": "role lower_r; type low_t; typebounds x_t low_t;",
}


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("statements", MODULES.values(), ids=MODULES.keys())
def test_statements_are_as_pp_has_them(statements: str) -> None:
    requirements = "require { class c { p q }; role r; attribute a; bool b; }"
    content = package(f"module hand 1.0;\n{requirements}\ntype x_t, a;\n{statements}\n", "-m")
    assert (ours(content), 0) == translated(content)


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("number", range(16))
def test_random_modules_are_as_pp_has_them(number: int) -> None:
    content = package(random_module(number), "-m")
    assert (ours(content), 0) == translated(content)


@pytest.mark.oracle
@requires_module_programs
def test_names_of_modules_are_made_names_of_cil() -> None:
    source = "module a.b-c_d 1.0; require { class c p; } type x; allow ~x x:c p; neverallow ~x x:c p;"
    content = package(source.replace("allow ~x x:c p; ", "", 1), "-m", name="a.b-c_d")
    assert (ours(content), 0) == translated(content)
