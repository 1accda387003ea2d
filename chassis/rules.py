"""Field rules, compiled once at start into closures that run for every request.

All violations of a request are found in one pass. Paths are put together only when something is wrong.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, call
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.contract import ContractError
from chassis.errors import Violation
from chassis.formats import NUL, NUL_PROBLEM, duration_problem, json_problem, timestamp_problem
from chassis.rule_values import Judge, contradictions, count, judge_element, judge_single, key_and_element, rules_of

Check = Callable[[Any], Sequence[Violation]]
"""Checks one message or value; paths are relative to it."""
Part = Callable[[Any, list[Violation]], None]
"""Checks one field of a message that isn't a single scalar, and adds what is wrong."""

WELL_KNOWN: dict[str, Callable[[Any], str] | None] = {
    "google.protobuf.Timestamp": timestamp_problem,
    "google.protobuf.Duration": duration_problem,
    "google.protobuf.Struct": json_problem,
    "google.protobuf.Value": json_problem,
    "google.protobuf.ListValue": json_problem,
    "google.protobuf.Any": None,  # nothing is known of what is in it until it is unpacked
}
"""Types that aren't checked field by field, and what tells their problem."""

REQUIRED = "is required"
TO_CLEAR = "; to clear a field, name it in the update mask"
"""Said of an empty value in a change."""
MAX_KEY = 64
"""Characters of a map key that a path repeats: keys are as long as a caller likes."""


class Scalar(NamedTuple):
    """How a field with a single value is judged."""

    name: str
    accept: Callable[[Any], Any]
    examine: Callable[[Any, Any, list[Violation]], None]
    """Given message and value, once `accept` has refused the value; adds what is wrong."""


def compile_rules(descriptor: Descriptor) -> Callable[[Message], list[Violation]]:
    """A function that clears the output-only fields of a request in place and returns all its violations.

    Raises ContractError when a rule can't apply to its field. For a message in which nothing can be wrong
    the function does nothing.
    """
    check = _Compiler().check(descriptor, partial=False) or _accept_all
    return lambda message: list(check(message))


def _accept_all(_message: Any) -> Sequence[Violation]:
    return ()


class _Compiler:
    """Compiles message types, each once, also those that contain themselves."""

    def __init__(self) -> None:
        self._checks: dict[tuple[str, bool], Check | None] = {}
        self._open: set[tuple[str, bool]] = set()

    def check(self, descriptor: Descriptor, *, partial: bool) -> Check | None:
        """The check of a message type; None when nothing can be wrong with it."""
        key = (descriptor.full_name, partial)
        if key in self._open:
            return self._later(key)
        if key not in self._checks:
            self._open.add(key)
            self._checks[key] = self._compile(descriptor, partial=partial)
            self._open.discard(key)
        return self._checks[key]

    def _later(self, key: tuple[str, bool]) -> Check:
        """The check of a type that is being compiled: it contains itself."""

        def check(message: Any) -> Sequence[Violation]:
            return (self._checks[key] or _accept_all)(message)

        return check

    def _compile(self, descriptor: Descriptor, *, partial: bool) -> Check | None:
        if descriptor.full_name in WELL_KNOWN:
            problem = WELL_KNOWN[descriptor.full_name]
            return _check_well_known(problem) if problem else None
        cleared: list[str] = []
        scalars: list[Scalar] = []
        parts: list[Part] = []
        for field in descriptor.fields:
            if problems := list(contradictions(field)):
                raise ContractError(f"{field.full_name}: " + "; ".join(problems))
            if rules_of(field).output_only:
                cleared.append(field.name)
            elif field.is_repeated:
                parts.append(self._repeated(field, partial=partial))
            elif field.message_type is not None:
                parts += self._message(field, field.message_type, partial=partial)
            elif (judge := judge_single(field)) is not None:
                scalars.append(Scalar(field.name, judge.accept, _examiner(field, judge, partial=partial)))
        return _assemble(cleared, scalars, parts)

    def _message(self, field: FieldDescriptor, kind: Descriptor, *, partial: bool) -> list[Part]:
        rules = rules_of(field)
        name, path = field.name, field.json_name
        required = rules.required and not partial
        check = self.check(kind, partial=partial or rules.partial)
        if check is None and not required:
            return []
        examine = check or _accept_all

        def part(message: Any, found: list[Violation]) -> None:
            if message.HasField(name):
                if problems := examine(getattr(message, name)):
                    found += _below(path, problems)
            elif required:
                found.append(Violation(path, REQUIRED))

        return [part]

    def _repeated(self, field: FieldDescriptor, *, partial: bool) -> Part:
        rules = rules_of(field)
        path = field.json_name
        values_of = attrgetter(field.name)
        required = rules.required and not partial
        fewest = rules.min_items
        most = rules.max_items if rules.HasField("max_items") else sys.maxsize
        unique = rules.unique
        check_elements = None if rules.deferred else self._elements(field)

        def part(message: Any, found: list[Violation]) -> None:
            values = values_of(message)
            number = len(values)
            if not number:
                if required:
                    found.append(Violation(path, REQUIRED))
                return
            if number > most:
                # The elements stay unseen, so that the work is bounded.
                found.append(Violation(path, f"must have at most {count(most, 'element')}"))
                return
            if number < fewest:
                found.append(Violation(path, f"must have at least {count(fewest, 'element')}"))
            if check_elements is not None:
                check_elements(values, found)
            if unique:
                found += _repetitions(path, values)

        return part

    def _elements(self, field: FieldDescriptor) -> Part | None:
        """Checks the elements of a list or map.

        In updates too, `required` is asked of what is in them: elements are replaced, never merged.
        """
        key, element = key_and_element(field)
        path = field.json_name
        if element.message_type is not None:
            check = self.check(element.message_type, partial=False)
        else:
            judge = judge_element(element, rules_of(field))
            check = _check_scalar(judge) if judge else None
        if key is None:
            return _in_list(path, check) if check else None
        text_keys = key.type == FieldDescriptor.TYPE_STRING
        return _in_map(path, check or _accept_all, text_keys=text_keys) if check or text_keys else None


def _assemble(cleared: list[str], scalars: list[Scalar], parts: list[Part]) -> Check | None:
    """One closure for a message. All its scalars are read in one go, without asking whether they are set.

    The zero value of an unset field may be refused; only then presence is looked at.
    """
    if not (cleared or scalars or parts):
        return None
    values_of = _reader([scalar.name for scalar in scalars])
    accepts = tuple(scalar.accept for scalar in scalars)

    def check(message: Any) -> list[Violation]:
        found: list[Violation] = []
        for name in cleared:
            message.ClearField(name)
        values = values_of(message)
        # Without a Python loop while all is well: half the time.
        verdicts = tuple(map(call, accepts, values))
        if not all(verdicts):
            for accepted, value, scalar in zip(verdicts, values, scalars, strict=True):
                if not accepted:
                    scalar.examine(message, value, found)
        for part in parts:
            part(message, found)
        return found

    return check


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda message: (get(message),)


def _examiner(field: FieldDescriptor, judge: Judge, *, partial: bool) -> Callable[[Any, Any, list[Violation]], None]:
    """Tells whether a refused value is wrong, or only the zero value of a field that isn't set."""
    name, path = field.name, field.json_name
    has_presence = field.has_presence
    required = rules_of(field).required and not partial
    can_be_cleared = partial and not rules_of(field).required
    explain = judge.explain

    def examine(message: Any, value: Any, found: list[Violation]) -> None:
        if message.HasField(name) if has_presence else value:
            hint = TO_CLEAR if can_be_cleared and value == "" else ""
            found += [Violation(path, problem + hint) for problem in explain(value)]
        elif required:
            found.append(Violation(path, REQUIRED))

    return examine


def _check_well_known(problem: Callable[[Any], str]) -> Check:
    def check(message: Any) -> Sequence[Violation]:
        text = problem(message)
        return [Violation("", text)] if text else ()

    return check


def _check_scalar(judge: Judge) -> Check:
    accept, explain = judge

    def check(value: Any) -> Sequence[Violation]:
        return () if accept(value) else [Violation("", problem) for problem in explain(value)]

    return check


def _in_list(path: str, check: Check) -> Part:
    def part(values: Any, found: list[Violation]) -> None:
        for index, value in enumerate(values):
            if problems := check(value):
                found += _below(f"{path}[{index}]", problems)

    return part


def _in_map(path: str, check: Check, *, text_keys: bool) -> Part:
    def part(values: Any, found: list[Violation]) -> None:
        for key, value in values.items():
            problems = check(value)
            if text_keys and NUL in key:
                problems = [Violation("", NUL_PROBLEM), *problems]
            if problems:
                # Keys of all types are strings in JSON.
                text = key if text_keys else str(key).lower()
                found += _below(f"{path}[{json.dumps(text[:MAX_KEY], ensure_ascii=False)}]", problems)

    return part


def _below(path: str, problems: Iterable[Violation]) -> list[Violation]:
    return [Violation(f"{path}.{each.field}" if each.field else path, each.description) for each in problems]


def _repetitions(path: str, values: Iterable[Any]) -> list[Violation]:
    seen: set[Any] = set()
    found = []
    for index, value in enumerate(values):
        known = value.SerializeToString(deterministic=True) if isinstance(value, Message) else value
        if known in seen:
            found.append(Violation(f"{path}[{index}]", "must not be the same as an element before it"))
        seen.add(known)
    return found
