"""The contract holds for any subset, and refuses what breaks it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, InvalidAnswer
from digest.schema import FIELDS, LIST_FIELDS, DigestFields, json_schema, parse, select, validate

digests = st.from_type(DigestFields)


@given(digests)
def test_any_subset_round_trips(digest: DigestFields) -> None:
    try:
        mended = parse(digest.to_json(), digest.asked())
    except InvalidAnswer:
        # Only a string that was too much white space can fall below its least length.
        assert any(
            len(v.strip()) < json_schema([k])["properties"][k]["minLength"]
            for k, v in digest.as_dict().items()
            if isinstance(v, str)
        )
        return
    assert mended.asked() == digest.asked()
    assert parse(mended.to_json(), mended.asked()) == mended


@given(digests)
def test_order_is_fixed_and_nothing_else_is_written(digest: DigestFields) -> None:
    written = digest.to_json()
    assert list(json.loads(written)) == [name for name in FIELDS if name in digest.asked()]
    assert json.dumps(json.loads(written), ensure_ascii=False, separators=(",", ":")) == written


@given(digests, st.data())
def test_limits_hold(digest: DigestFields, data: st.DataObject) -> None:
    value = digest.as_dict()
    name = data.draw(st.sampled_from(digest.asked()))
    schema = json_schema([name])["properties"][name]
    broken: dict[str, list[Any]] = {
        "string": ["x" * (schema.get("maxLength", 0) + 1), "", None, 7],
        "integer": [schema.get("minimum", 0) - 1, schema.get("maximum", 0) + 1, 3.5, "3", True],
        "array": [[f"x{n}" for n in range(schema.get("maxItems", 0) + 1)], [1], "x", [None]],
    }
    for wrong in broken[schema["type"]]:
        with pytest.raises(InvalidAnswer):
            validate({**value, name: wrong}, digest.asked())


@given(digests)
def test_missing_and_further_keys_are_refused(digest: DigestFields) -> None:
    value = digest.as_dict()
    with pytest.raises(InvalidAnswer, match="further"):
        validate({**value, "further": 1}, digest.asked())
    with pytest.raises(InvalidAnswer, match=digest.asked()[0]):
        validate({k: v for k, v in value.items() if k != digest.asked()[0]}, digest.asked())


@pytest.mark.parametrize("answer", ["", "{", "[]", "null", "7", '"title"', "{}", "NaN", '{"a":1}x'])
def test_what_is_no_object_is_refused(answer: str) -> None:
    with pytest.raises(InvalidAnswer):
        parse(answer, ["title"])


def test_lists_are_mended() -> None:
    mended = parse(
        '{"names":[" Ada ","ADA","","Bob"],"domains":["Open Source","open source"]}',
        ["domains", "names"],
    )
    assert mended.names == ["Ada", "Bob"]
    assert mended.domains == ["open source"]


@given(st.permutations(FIELDS), st.integers(1, len(FIELDS)))
def test_an_ask_is_put_in_order(names: list[str], size: int) -> None:
    asked = select(names[:size])
    assert asked == select(",".join(names[:size])) == select(asked)
    assert list(asked) == sorted(names[:size], key=FIELDS.index)


@pytest.mark.parametrize("fields", ["", ",", [], "title,tytle", ["Title"]])
def test_a_wrong_ask_is_an_error(fields: Any) -> None:
    with pytest.raises(ConfigError):
        select(fields)


@given(st.sets(st.sampled_from(FIELDS), min_size=1))
def test_the_schema_is_flat_and_bounded(fields: set[str]) -> None:
    schema = json_schema(list(fields))
    assert schema["required"] == list(schema["properties"]) == list(select(fields))
    assert schema["additionalProperties"] is False
    written = json.dumps(schema)
    assert not [word for word in ("$ref", "anyOf", "pattern", "format") if f'"{word}"' in written]
    for name, field in schema["properties"].items():
        assert (field["type"] == "array") == (name in LIST_FIELDS)
        assert {"maxLength", "maxItems", "maximum"} & set(field)
