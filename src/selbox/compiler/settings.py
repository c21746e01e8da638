"""Statements that set one thing of the whole policy or of a class: MLS, unknown permissions, capabilities, defaults."""

from collections.abc import Mapping

from selbox.compiler.classes import Classes
from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.program import Program
from selbox.diagnostics import did_you_mean
from selbox.language.cil import Form
from selbox.model.capabilities import POLICY_CAPABILITIES
from selbox.model.objectclass import DefaultFrom, DefaultRange
from selbox.model.policy import HandleUnknown
from selbox.typing import Final, TypeVar

_Value = TypeVar("_Value")

_TRUTHS: Final = {"true": True, "false": False}
_SIDES: Final = {"source": DefaultFrom.SOURCE, "target": DefaultFrom.TARGET}
_RANGES: Final = {each.value: each for each in DefaultRange if each is not DefaultRange.UNSPECIFIED}
_HANDLING: Final = {each.value: each for each in HandleUnknown}


class Settings:
    """What a policy sets.

    Attributes:
        mls: whether levels count.
        handle_unknown: see :class:`selbox.model.policy.HandleUnknown`.
        defaults: by keyword and class id: whose user, role, type or range a new object takes.
    """

    def __init__(self, program: Program, classes: Classes) -> None:
        self._program = program
        self._classes = classes
        self.mls = bool(program.options.mls)
        self.handle_unknown = program.options.handle_unknown or HandleUnknown.DENY
        self.defaults: dict[str, dict[int, DefaultFrom]] = {"defaultuser": {}, "defaultrole": {}, "defaulttype": {}}
        self.ranges: dict[int, DefaultRange] = {}
        self._seen: set[str] = set()

    def collect(self, only_optional: bool) -> None:
        """Take in every setting."""
        run = self._program.run
        run("mls", self._mls, only_optional)
        run("handleunknown", self._handleunknown, only_optional)
        for keyword in self.defaults:
            run(keyword, self._default, only_optional)
        run("defaultrange", self._defaultrange, only_optional)
        for keyword in ("boolean", "tunable"):
            self._program.run_declared(keyword, lambda symbol: choose(symbol.form, symbol.place, 2, _TRUTHS))
        self._program.run_declared("policycap", _check_capability)

    def _once(self, form: Form, place: Place) -> None:
        if form.keyword in self._seen:
            raise StatementError("cil-duplicate-setting", f"`{form.keyword}` stands here a second time", place, form)
        self._seen.add(form.keyword)

    def _mls(self, form: Form, place: Place) -> None:
        self._once(form, place)
        asked = choose(form, place, 1, _TRUTHS)
        if self._program.options.mls is None:
            self.mls = asked

    def _handleunknown(self, form: Form, place: Place) -> None:
        self._once(form, place)
        asked = choose(form, place, 1, _HANDLING)
        if self._program.options.handle_unknown is None:
            self.handle_unknown = asked

    def _class_ids(self, form: Form, place: Place) -> list[int]:
        named = form[1]
        if isinstance(named, str):
            return list(self._classes.class_ids(form, place, 1))
        if not named:
            raise StatementError("cil-syntax", "expected the name of a class, found `()`", place, form, (1,))
        return [each for index in range(len(named)) for each in self._classes.class_ids(form, place, 1, index)]

    def _default(self, form: Form, place: Place) -> None:
        side = choose(form, place, 2, _SIDES)
        table = self.defaults[form.keyword]
        for class_id in self._class_ids(form, place):
            self._check_same(table.setdefault(class_id, side), side, form, place)

    def _defaultrange(self, form: Form, place: Place) -> None:
        value = " ".join(str(each) for each in form[2:])
        if form[2] == DefaultRange.GLBLUB.value and value not in _RANGES:
            value = DefaultRange.GLBLUB.value
            self._program.diagnostics.warning(
                "cil-needless-word",
                f"`{value}` takes both ends of the range: this word means nothing",
                place.tree.span(form, 3),
            )
        if value not in _RANGES:
            raise StatementError("cil-syntax", f"expected one of {', '.join(_RANGES)}", place, form, (2,))
        found = _RANGES[value]
        for class_id in self._class_ids(form, place):
            self._check_same(self.ranges.setdefault(class_id, found), found, form, place)

    @staticmethod
    def _check_same(earlier: object, now: object, form: Form, place: Place) -> None:
        if earlier is not now:
            raise StatementError(
                "cil-conflicting-default", f"an earlier `{form.keyword}` of this class says otherwise", place, form
            )


def _check_capability(symbol: Symbol) -> None:
    if symbol.local_name.lower() not in POLICY_CAPABILITIES:
        raise StatementError(
            "cil-unknown-policycap",
            f"no policy capability `{symbol.local_name}` is known",
            symbol.place,
            symbol.form,
            (1,),
            did_you_mean(symbol.local_name, POLICY_CAPABILITIES),
        )


def choose(form: Form, place: Place, index: int, choices: Mapping[str, _Value]) -> _Value:
    """Return what a keyword of a statement stands for.

    Raises:
        StatementError: it is none of the choices.
    """
    item = form[index]
    if not isinstance(item, str) or item not in choices:
        raise StatementError("cil-syntax", f"expected one of {', '.join(choices)}", place, form, (index,))
    return choices[item]
