"""The grammar against llama.cpp's own parser, and against a matcher that reads the GBNF."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.grammar import answer_budget, gbnf, object_gbnf
from digest.prompt import messages
from digest.protocols import Ask, Engine
from digest.schema import FIELDS, DigestFields, json_schema, parse, select

digests = st.from_type(DigestFields)
subsets = st.sets(st.sampled_from(FIELDS), min_size=1).map(select)


def matcher(fields: tuple[str, ...]) -> re.Pattern[str]:
    """The grammar of a digest as a regular expression."""
    return expression(gbnf(fields))


def expression(grammar: str) -> re.Pattern[str]:
    """GBNF as a regular expression: it has no recursion, so each rule can be put in."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    patterns: dict[str, str] = {}

    def pattern(rule: str) -> str:
        if rule not in patterns:
            out = []
            for literal, charset, name, other in re.findall(
                r'("(?:[^"\\]|\\.)*")|(\[(?:[^\]\\]|\\.)*\])|([a-z][a-z-]*)|(\{[\d,]+\}|\S)',
                rules[rule],
            ):
                if literal:
                    out.append(re.escape(literal[1:-1].replace(r"\"", '"').replace("\\\\", "\\")))
                elif charset:
                    out.append(charset)
                elif name:
                    out.append(f"(?:{pattern(name)})")
                else:
                    out.append(other.replace("(", "(?:"))
            patterns[rule] = "".join(out)
        return patterns[rule]

    return re.compile(pattern("root"))


@given(digests)
def test_every_digest_is_a_sentence(digest: DigestFields) -> None:
    assert matcher(digest.asked()).fullmatch(digest.to_json())


@given(digests, st.data())
def test_near_misses_are_not(digest: DigestFields, data: st.DataObject) -> None:
    sentence = digest.to_json()
    grammar = matcher(digest.asked())
    value = digest.as_dict()
    name = data.draw(st.sampled_from(digest.asked()))
    schema = json_schema([name])["properties"][name]
    too_much: object = {
        "string": lambda: "x" * (schema.get("maxLength", 0) + 1),
        "array": lambda: ["x"] * (schema.get("maxItems", 0) + 1),
        "integer": lambda: schema.get("maximum", 0) + 1,
    }[schema["type"]]()
    wrong = [
        json.dumps(value, ensure_ascii=False),  # white space after commas and colons
        f"{sentence} ",
        f"\n{sentence}",
        sentence[:-1],
        sentence.replace('"', "'"),
        json.dumps({**value, "extra": 1}, ensure_ascii=False, separators=(",", ":")),
        json.dumps({**value, name: too_much}, ensure_ascii=False, separators=(",", ":")),
        json.dumps({**value, name: None}, ensure_ascii=False, separators=(",", ":")),
    ]
    if len(value) > 1:
        backwards = dict(reversed(value.items()))
        wrong.append(json.dumps(backwards, ensure_ascii=False, separators=(",", ":")))
    for text in wrong:
        assert not grammar.fullmatch(text), text


def test_a_raw_control_character_is_refused() -> None:
    assert not matcher(("title",)).fullmatch('{"title":"two\nlines"}')
    assert matcher(("title",)).fullmatch('{"title":"two\\nlines"}')


@pytest.mark.parametrize("score", [0, 1, 5, 10, 11, 100, -1])
def test_integers_keep_their_range(score: int) -> None:
    found = matcher(("relevance_score",)).fullmatch(f'{{"relevance_score":{score}}}')
    assert bool(found) == (1 <= score <= 10)


VERDICT = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": 20},
        "winner": {"type": "string", "enum": ["A", "tie", 'the "B"']},
    },
}


@pytest.mark.parametrize("winner", ["A", "tie", 'the "B"'])
def test_other_objects_and_their_enums(winner: str) -> None:
    grammar = expression(object_gbnf(VERDICT))
    said = json.dumps({"reason": "x < y", "winner": winner}, separators=(",", ":"))
    assert grammar.fullmatch(said)
    assert not grammar.fullmatch(said.replace("x < y", "x" * 21))
    for other in ("a", "", "AB"):
        assert not grammar.fullmatch(f'{{"reason":"x","winner":"{other}"}}')


@pytest.mark.model
def test_llama_cpp_keeps_to_other_objects(model: Engine) -> None:
    ask = Ask([{"role": "user", "content": "Which is longer, A or B?"}], (), 60, VERDICT)
    (answer,) = model.answer([ask])
    assert expression(object_gbnf(VERDICT)).fullmatch(answer.text), answer


@given(subsets)
def test_budgets_add_up_and_leave_room_for_the_text(fields: tuple[str, ...]) -> None:
    assert answer_budget(fields) == sum(answer_budget([name]) for name in fields)
    assert 10 <= answer_budget(fields) <= answer_budget(FIELDS) <= 1000


@pytest.mark.model
@pytest.mark.parametrize("fields", [FIELDS, ("names",), ("title", "relevance_score")])
def test_llama_cpp_reads_the_grammar_and_keeps_to_it(
    model: Engine, fields: tuple[str, ...]
) -> None:
    ask = Ask(messages("", "Reply with the word hello and nothing else.", fields), fields, 900)
    (answer,) = model.answer([ask])
    assert answer.finish == "stop", answer.error
    assert matcher(fields).fullmatch(answer.text)
    assert parse(answer.text, fields).asked() == fields
