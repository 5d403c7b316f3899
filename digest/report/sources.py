"""Who told a story, and where to read on."""

from digest.records import Analyzed
from digest.report.escape import address, code, host, link, text
from digest.report.phrases import day
from digest.stories.cluster import Story


def url_of(one: Analyzed) -> tuple[str, str]:
    """(URL, label) of where to read on: the story itself, else the issue it stands in."""
    for url in (one.item.url, one.item.href):
        if address(url):
            return url, host(url) or url.removeprefix("mailto:")
    if address(one.document.url):
        return one.document.url, one.document.publisher or host(one.document.url)
    return "", ""


def source_link(one: Analyzed) -> str:
    """The link to the source, or its origin where there is none."""
    url, label = url_of(one)
    return link(label, url) or text(one.document.publisher, 80) or code(one.document.origin)


def source_line(one: Analyzed) -> str:
    """Link, publisher and date."""
    url, label = url_of(one)
    publisher = one.document.publisher or one.document.title
    told = day(one.document.published)
    if not url:  # then the issue's title must do to find it by
        where = text(publisher, 80) or code(one.document.origin)
        issue = text(one.document.title, 120)
        return ", ".join([where, *[f"“{issue}”"] * (issue not in {"", where}), told])
    if publisher in {"", label}:
        return f"{link(label, url)}, {told}"
    return f"{link(label, url)} via {text(publisher, 80)}, {told}"


def also_links(story: Story) -> list[str]:
    """Everybody else who told the story, each link once."""
    seen = {url_of(story.lead)[0]}
    found = []
    for one in story.members[1:]:
        url = url_of(one)[0]
        found.append(source_line(one) if url not in seen or not url else other_line(one))
        seen.add(url)
    for item in (item for one in story.members for item in one.also):
        url = item.url if address(item.url) else item.href
        if address(url) and url not in seen:
            seen.add(url)
            found.append(link(host(url) or url, url))
    return list(dict.fromkeys(found))


def other_line(one: Analyzed) -> str:
    """Publisher and date of one who links to the same place."""
    return f"{text(one.document.publisher, 80) or code(one.document.origin)}, " + day(
        one.document.published
    )


def other_urls(story: Story, first: str) -> list[str]:
    """Every further URL under which the story was told, each once."""
    urls = [url_of(one)[0] for one in story.members]
    urls += [item.url for one in story.members for item in one.also]
    return [url for url in dict.fromkeys(urls) if url != first and address(url)]
