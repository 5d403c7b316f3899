"""docs/sources.md against the code: every kind, address, option and number in it."""

import re
import tomllib
from pathlib import Path

import pytest

import integrations
from digest.errors import ConfigError
from digest.settings import Settings
from integrations.http import client
from integrations.sources import feed, hackernews, reddit, web

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sources.md").read_text("utf-8")
KINDS = "|".join(integrations.SOURCES)
SPECS = re.findall(rf"(?m)^((?:{KINDS})(?:\+\w+)?:.+)$", PAGE) + re.findall(
    rf"`((?:{KINDS})(?:\+\w+)?:[^`\s]+)`", PAGE
)


def section(kind: str) -> str:
    return re.split(r"(?m)^## ", PAGE.split(f"\n## {kind}\n")[1])[0]


@pytest.mark.parametrize("spec", sorted(set(SPECS)))
def test_every_address_of_the_page_is_taken(spec) -> None:
    assert integrations.source(spec, Settings()).spec == spec


def test_every_kind_has_a_row_a_section_and_addresses() -> None:
    assert re.findall(r"(?m)^\| `(\w+)` \|", PAGE) == re.findall(
        r"(?m)^## ([a-z]+)$", PAGE
    )  # in one order
    assert set(re.findall(r"(?m)^## ([a-z]+)$", PAGE)) == set(integrations.SOURCES)
    for kind in integrations.SOURCES:
        assert len(re.findall(rf"(?m)^{kind}[:+]", section(kind))) >= 2, kind


@pytest.mark.parametrize("table", re.findall(r"(?s)```toml\n(.*?)```", PAGE))
def test_every_setting_of_the_page_is_one(table) -> None:
    assert Settings(**tomllib.loads(table))


@pytest.mark.parametrize(
    ("kind", "lists", "options"),
    [
        ("hackernews", hackernews._LISTS, {"points": "0", "limit": "500"}),
        ("reddit", reddit._LISTS, {"t": "week", "points": "0", "limit": "100"}),
    ],
)
def test_every_list_and_option_of_the_code_is_on_the_page(kind, lists, options) -> None:
    name = "rust/" if kind == "reddit" else ""
    for one in lists:
        assert f"`{one}`" in section(kind)
        assert integrations.source(f"{kind}:{name}{one}", Settings())
    for option, value in options.items():
        assert f"`{option}`" in section(kind)
        assert integrations.source(f"{kind}:{name}{lists[0]}?{option}={value}", Settings())
    assert f"at most {options['limit']}" in section(kind)
    with pytest.raises(ConfigError):  # so that this test can fail
        integrations.source(f"{kind}:{name}{lists[0]}?limit={int(options['limit']) + 1}")


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    limits = client.Limits()
    assert f"{limits.size >> 20} MiB a page" in PAGE
    assert f"{limits.ratio} times its size" in PAGE
    assert f"{limits.seconds:.0f} seconds for all" in PAGE
    assert limits.redirects == 5 and "at most five redirects" in PAGE
    assert f"Up to {feed.MAX_ENTRIES:,} entries" in PAGE
    assert f"up to {feed.MAX_PAGES} pages a run" in PAGE
    assert f"{web.MAX_URLS:,} at most" in PAGE
    name, _, rest = client.USER_AGENT.partition("/")
    assert f"{name}/VERSION {rest.partition(' ')[2]}" in PAGE
    chosen = Settings().http
    assert (chosen.timeout, chosen.size) == (30.0, 16777216)


def test_every_file_the_page_leads_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    assert "(docs/sources.md)" in (ROOT / "README.md").read_text("utf-8")
