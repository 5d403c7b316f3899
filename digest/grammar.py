"""The decoding grammar of an ask: exactly the compact JSON that the schema allows, as GBNF.

llama.cpp's own JSON-schema mode allows free white space, in which a small model can loop for
ever. This grammar has none: keys in contract order, lists and strings bounded, and one way only
to escape a character (that of `DigestFields.to_json`).
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import ceil, sqrt
from typing import Any

from digest.schema import FIELDS, json_schema, select

# One character of a string, as Python's json writes it with ensure_ascii=False. The last
# alternative is for the control characters without a short escape.
_CHARACTER = r"""[^"\\\x00-\x1F] | "\\" (["\\bfnrt] | "u00" [01] [0-9a-f])"""


def gbnf(fields: Sequence[str] = FIELDS) -> str:
    """GBNF whose sentences are the compact JSON objects of this subset, and nothing else."""
    return _gbnf(select(fields))


def answer_budget(fields: Sequence[str] = FIELDS) -> int:
    """Tokens an answer to this subset may take before it counts as running away.

    The schema's limits are far above what a good digest uses (an answer at every limit would
    take over 2,000 tokens), the more so the wider they are. Root-of-the-limit times 4.5 lies
    above the longest of 1,302 teacher digests in every field, and at twice it for all eight.
    """
    properties = json_schema(select(fields))["properties"]
    return sum(ceil(8 + 4.5 * sqrt(_characters(schema))) for schema in properties.values())


def _characters(schema: Mapping[str, Any]) -> int:
    """The most characters that a value of this schema holds, punctuation left out."""
    if schema["type"] == "array":
        return int(schema["maxItems"]) * _characters(schema["items"])
    return int(schema["maxLength"]) if schema["type"] == "string" else len(str(schema["maximum"]))


@lru_cache(maxsize=256)
def _gbnf(fields: tuple[str, ...]) -> str:
    return object_gbnf(json_schema(fields))


def object_gbnf(schema: Mapping[str, Any]) -> str:
    """GBNF of the compact JSON objects of a schema: its `properties`, all of them, in their order.

    Strings need their lengths or an enum, lists their limit. Raises ValueError.
    """
    rules, members = [f"character ::= {_CHARACTER}"], []
    for name, value in schema["properties"].items():
        rule = name.replace("_", "-")
        rules.append(f"{rule} ::= {_value(value)}")
        members.append(rf'"\"{name}\":" {rule}')
    root = ' "," '.join(members)
    return "\n".join([f'root ::= "{{" {root} "}}"', *rules]) + "\n"


def _value(schema: Mapping[str, Any]) -> str:
    match schema["type"]:
        case "string" if "enum" in schema:
            return " | ".join(json.dumps(json.dumps(word)) for word in schema["enum"])
        case "string":
            # llama.cpp unrolls {m,n}; measured, 1,000 rules cost 2 ms an answer and no more
            # per token than character* does.
            return rf'"\"" character{{{schema["minLength"]},{schema["maxLength"]}}} "\""'
        case "integer":
            return " | ".join(f'"{n}"' for n in range(schema["minimum"], schema["maximum"] + 1))
        case "array":
            item = _value(schema["items"])
            return f'"[" ({item} ("," {item}){{0,{schema["maxItems"] - 1}}})? "]"'
        case kind:
            raise ValueError(f"no grammar for JSON type {kind}")
