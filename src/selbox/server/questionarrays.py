"""Many access questions at once, answered by the array.

This module imports numpy; only who decides by the array imports this module.
"""

from collections.abc import Callable, Sequence

import numpy as np

from selbox.model.context import Context
from selbox.server.accessarrays import ArrayDecider
from selbox.server.contextarrays import ContextTable, Ids
from selbox.server.contexttexts import ContextTexts
from selbox.server.decision import AccessDecision
from selbox.server.state import PolicyState

_CONTEXTS_KEPT = 1 << 13
"""Contexts that are remembered from batch to batch; when there are more, all are forgotten, to bound the memory."""
_INVALID = 0
"""The row of every text that is no valid context; what is there is never shown."""


class AccessQuestions:
    """Answers access questions in large numbers.

    Args:
        state: what decides.
        texts: reads contexts.
        write: makes an answer's columns of a decision.
    """

    def __init__(self, state: PolicyState, texts: ContextTexts, write: Callable[[AccessDecision], str]) -> None:
        self._decider = ArrayDecider(state)
        self._policy = state.policy
        self._texts = texts
        self._write = write
        self._forget()

    def _forget(self) -> None:
        self._table = ContextTable(self._policy)
        self._table.add(Context(0, 0, 0))
        self._rows: dict[str, int] = {}

    def _row(self, text: str) -> int:
        row = self._rows.get(text)
        if row is None:
            context = self._texts.read(text)
            row = self._rows[text] = _INVALID if context is None else self._table.add(context)
        return row

    def answer(self, lines: Sequence[str], odd: Callable[[str], str]) -> list[str]:
        """Return questions with their answers' columns after them.

        Args:
            lines: source context, target context and class, separated by tabs.
            odd: answers a question with an invalid context or without the name of one of the policy's classes.
        """
        if len(self._rows) > _CONTEXTS_KEPT:
            self._forget()
        rows, classes = self._rows, self._policy.class_ids
        sources, targets, asked, oddities = [], [], [], []
        for place, line in enumerate(lines):
            source_text, target_text, class_text = line.split("\t")
            source = rows.get(source_text) or self._row(source_text)
            target = rows.get(target_text) or self._row(target_text)
            object_class = classes.get(class_text)
            if object_class is None or source == _INVALID or target == _INVALID:
                oddities.append(place)
                object_class = 0
            sources.append(source)
            targets.append(target)
            asked.append(object_class)
        columns = (np.array(each, dtype=np.intp) for each in (sources, targets, asked))
        answers = self._decided(lines, *columns)
        for place in oddities:
            answers[place] = f"{lines[place]}\t{odd(lines[place])}"
        return answers

    def _decided(self, lines: Sequence[str], sources: Ids, targets: Ids, classes: Ids) -> list[str]:
        decisions = self._decider.decide(self._table.arrays(), sources, targets, classes)
        seqno = decisions.seqno
        columns = (decisions.allowed, decisions.auditallow, decisions.auditdeny, decisions.flags)
        texts: dict[tuple[int, ...], str] = {}
        answers = []
        for line, decision in zip(lines, zip(*(each.tolist() for each in columns), strict=True), strict=True):
            text = texts.get(decision)
            if text is None:
                allowed, auditallow, auditdeny, flags = decision
                text = texts[decision] = self._write(AccessDecision(allowed, auditallow, auditdeny, seqno, flags))
            answers.append(f"{line}\t{text}")
        return answers
