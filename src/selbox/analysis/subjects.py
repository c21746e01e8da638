"""Contexts for questions that name a type only, and the types that a word stands for."""

from collections.abc import Iterator, Sequence

from selbox.diagnostics import Diagnostic, SelboxError, Span, did_you_mean
from selbox.language.expectations import Word
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.context_text import parse_context
from selbox.model.policy import Policy
from selbox.server.typecontext import type_context
from selbox.server.validity import context_fault

UNKNOWN_TYPE_CODE = "unknown-type"
"""Code of the error that a word names no type."""


class Subjects:
    """Finds contexts for words.

    A type stands for a context as :func:`selbox.server.typecontext.type_context` makes it.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._contexts: dict[int, Context] = {}
        self._written: dict[str, Context] = {}

    def context(self, word: Word) -> Context:
        """Return the context that a type or a context stands for.

        Raises:
            SelboxError: ``unknown-type`` or ``invalid-context``, at the word's place.
        """
        if ":" in word.text:
            return self.written_context(word)
        found = self._types(word)
        if len(found) != 1 or self._policy.types[self._policy.type_ids[word.text]].is_attribute:
            raise SelboxError.of(UNKNOWN_TYPE_CODE, f"`{word.text}` is an attribute; a type is expected", word.span)
        return self.of_type(found[0])

    def written_context(self, word: Word) -> Context:
        """Read a context, whose parts have to be valid together.

        Raises:
            SelboxError: ``invalid-context``, at the word's place.
        """
        found = self._written.get(word.text)
        if found is not None:
            return found
        try:
            context = parse_context(self._policy, word.text)
        except SelboxError as error:
            raise SelboxError(*(_at(each, word.span) for each in error.diagnostics)) from None
        fault = context_fault(self._policy, context)
        if fault:
            raise SelboxError.of("invalid-context", f"invalid context `{word.text}`: {fault}", word.span)
        self._written[word.text] = context
        return context

    def contexts(self, words: Sequence[Word]) -> list[Context]:
        """Return the contexts that several words stand for together, each once.

        Attributes stand for all their types; ``-NAME`` takes those of a type or an attribute out.

        Raises:
            SelboxError: as :meth:`context`.
        """
        excluded = {each for word in words if word.text.startswith("-") for each in self._excluded(word)}
        result: dict[Context, None] = {}
        for word in words:
            if word.text.startswith("-"):
                continue
            if ":" in word.text:
                result[self.written_context(word)] = None
            else:
                result.update(dict.fromkeys(self.of_type(each) for each in self._types(word) if each not in excluded))
        return list(result)

    def _excluded(self, word: Word) -> list[int]:
        return self._types(word.part(1))

    def _types(self, word: Word) -> list[int]:
        found = self._policy.type_ids.get(word.text)
        if found is None:
            advice = did_you_mean(word.text, self._policy.type_ids)
            if word.text == "self":
                advice = "`self` is a target, the same as the source"
            raise SelboxError.of(UNKNOWN_TYPE_CODE, f"the policy has no type `{word.text}`", word.span, advice)
        entry = self._policy.types[found]
        return list(members(entry.types)) if entry.is_attribute else [found]

    def every_context(self) -> Iterator[Context]:
        """Yield a context of every type."""
        for index, each in enumerate(self._policy.types):
            if not each.is_attribute:
                yield self.of_type(index)

    def of_type(self, type_id: int) -> Context:
        """Return the context that a type stands for."""
        found = self._contexts.get(type_id)
        if found is None:
            found = self._contexts[type_id] = type_context(self._policy, type_id)
        return found


def _at(diagnostic: Diagnostic, span: Span) -> Diagnostic:
    return diagnostic._replace(span=span)
