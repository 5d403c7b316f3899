"""Links as a reader means them: tracking redirects undone without asking anybody.

A redirect that carries its target inside its own URL (in a parameter or in the path, percent- or
base64-encoded, in layers) is read by that shape, never by its host. A target that only the
redirecting server knows stays wrapped.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

_MAX = 16_384  # characters; a longer link is not looked into
_BRACKETS = "<>\"' "  # what people put around a link
_PASSED_ON = ("http://", "https://")

_TRACKING = re.compile(
    r"""(?ix) ^(?:
      utm_?\w* | mc_(?:cid|eid|tc|phishing_protection_id) | mtm_\w+ | pk_\w+ | piwik_\w+
    | matomo_\w+
    | fbclid | fb_(?:action|ref|source)\w* | gclid | gclsrc | dclid | gbraid | wbraid | gad_\w+
    | msclkid | yclid | ymclid | twclid | ttclid | igshid | igsh | li_fat_id | epik | scid | rdt_cid
    | _hsenc | _hsmi | __hs\w+ | hsctatracking | mkt_tok | elq\w* | oly_(?:enc|anon)_id
    | vero_(?:id|conv) | ck_subscriber_id | sh_kit | _?bhlid | _bhiiv | ml_subscriber\w* | _kx | _ke
    | trk_\w+ | wickedid | rb_clickid | s_cid | _openstat | _ga | _gl | ga_\w+ | cmpid | ncid | icid
    | spm | zanpid | irclickid | sb_referer_host | hmb_\w+ | at_(?:medium|campaign|custom\w*)
    )$"""
)
# What a parameter is called when its URL is where the reader is sent ...
_TARGET_KEYS = {
    "url", "u", "q", "l", "r", "a", "e", "to", "link", "href", "uri", "dest", "destination",
    "target", "redirect", "redirect_url", "redirecturl", "redirect_to", "goto", "go", "out",
    "adurl", "murl", "ued", "p", "lnk", "click", "clickurl", "page", "location", "rurl", "rd",
}  # fmt: skip
# ... and when it only goes along.
_OTHER_KEYS = {
    "ref", "referer", "referrer", "referral", "source", "src", "return", "returnurl", "return_to",
    "return_url", "next", "continue", "callback", "redirect_uri", "image", "img", "media", "thumb",
    "avatar", "icon", "logo", "via", "canonical", "origin", "base", "host", "feed", "picture",
}  # fmt: skip
# A page about another page (a share form, a login that goes back, an archive) is no redirect.
_ABOUT = re.compile(
    r"(?i)(?:^|[/_.-])(?:shar(?:e|er|ing)(?:article|-offsite)?|intents?|submit|login|log-?in|sign-?in|"
    r"sign-?up|oauth2?|auth|authorize|sso|account|subscribe|unsubscribe|optout|opt-out|translate|"
    r"embed|oembed|validat(?:e|or)|check|compose|proxy|cite|forward|preferences|\d{8,14}(?:id_)?)"
    r"(?:$|[/_.?-])"
)
_BASE64 = re.compile(r"[A-Za-z0-9_+/-]{14,}={0,2}")
_HOST = re.compile(r"(?:[\w-]{1,63}\.)+[^\W\d_][\w-]{0,62}\.?|\d+(?:\.\d+){3}")


def unwrap(href: str) -> str:
    """Where a link leads in the end, as far as the link itself says; "" if it leads nowhere.

    Tracking parameters are removed. The answer is an http, https or mailto URL without white
    space or control characters, or "": script, data and relative links come back as "".
    """
    url = _clean(href)
    if not url or url.startswith("mailto:") or len(url) > _MAX:
        return url
    while True:
        inner = next(_targets(url), "")
        # Each layer must make the link shorter, so that this ends.
        if not inner or len(inner) >= len(url):
            return _without_tracking(url).rstrip(_BRACKETS)
        url = inner


def canonical(url: str) -> str:
    """A key under which links to the same page are equal. For comparison, not for readers.

    Unwrapped; https, lower-case host without www. or amp., no default port, fragment, trailing
    slash or AMP marks; parameters sorted. "" for what `unwrap` refuses.
    """
    url = unwrap(url)
    while url.startswith(_PASSED_ON) and len(url) <= _MAX:
        shorter = unwrap(_normal(url))  # a code that is written out may complete a link inside
        if shorter == url:
            break
        url = shorter
    return url.lower() if url.startswith("mailto:") else url


def _clean(href: str) -> str:
    """An http, https or mailto URL as a browser would take it from an attribute, else ""."""
    url = re.sub(r"[\t\r\n]\s*", "", href.strip())  # a link folded over lines
    url = "".join(char for char in url if char.isprintable()).strip().replace("&amp;", "&")
    url = url.strip(_BRACKETS).replace(" ", "%20")
    if url.startswith("//"):
        url = f"https:{url}"
    elif url[:4].lower() == "www.":
        url = f"https://{url}"
    scheme, colon, rest = url.partition(":")
    scheme = scheme.strip().lower()
    if not colon:
        return ""
    if scheme == "mailto":
        return f"mailto:{rest.lstrip('/')}" if "@" in rest else ""
    if scheme not in {"http", "https"}:
        return ""
    # Browsers take any number of slashes, either way.
    url = f"{scheme}://{rest.lstrip('/' + chr(92))}"
    return url if _host(url) else ""


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) or (":" in host) or host == "localhost" else ""


def _targets(url: str) -> Iterator[str]:
    """Links inside a link that a reader would be sent to, the most likely first."""
    parts = urlsplit(url)
    # Proofpoint's third scheme: /v3/__URL__;BASE64!!..., where only rare characters are coded.
    if guarded := re.search(r"/v3/__(https?:/.+?)__;", url, re.I):
        yield from filter(None, [_clean(guarded[1])])
    if not _ABOUT.search(parts.path) and not _ABOUT.search(parts.netloc.split(":")[0]):
        yield from _in_path(parts.path, parts.query)
        yield from _in_query(parts.query)
        yield from _in_query(parts.fragment)


def _in_path(path: str, query: str) -> Iterator[str]:
    plain = re.search(r"/(https?:/{1,2}[^/].*)", path, re.I)
    if plain and not re.search(r"%2f", plain[1][:12], re.I):
        # Written without encoding, it runs to the end and the query is its own.
        target = re.sub(r"^(https?):/+", r"\1://", plain[1], flags=re.I)
        yield from filter(None, [_clean(f"{target}?{query}" if query else target)])
    for segment in reversed(path.split("/")):
        yield from filter(None, [_decoded(segment)])


def _in_query(query: str) -> Iterator[str]:
    pairs = [pair.partition("=") for pair in re.split("[&;]", query)]
    at = 0
    found: list[tuple[int, str]] = []
    for key, equals, value in pairs:
        rest = query[at + len(key) + 1 :]
        at += len(key) + len(equals) + len(value) + 1
        name = unquote(key).lower().strip()
        if not value or name in _OTHER_KEYS:
            continue
        # Written without encoding, a target with parameters runs to the end.
        raw = rest if value.lower().startswith(_PASSED_ON) and "?" in value else value
        if target := _decoded(raw.replace("+", "%20") if "://" not in raw else raw):
            found.append((0 if name in _TARGET_KEYS else 1, target))
    # Without a name that says so, one URL is a target and several are arguments.
    if found and (min(found)[0] == 0 or len(found) == 1):
        yield min(found, key=lambda entry: entry[0])[1]


def _decoded(value: str) -> str:
    """The URL that a value spells, through percent, hyphen, hex or base64 encoding; "" if none."""
    text = value
    for _ in range(4):
        if text[:8].lower().startswith(_PASSED_ON) or text[:4].lower() == "www.":
            return _clean(text)
        if re.match(r"https?-3A(?:-2F|_)", text, re.I):  # Proofpoint's second scheme and its like
            text = re.sub(r"-([0-9A-F]{2})", r"%\1", text.replace("_", "/"), flags=re.I)
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    if re.match(r"687474703a|68747470733a", text, re.I) and len(text) % 2 == 0:
        try:
            return _clean(bytes.fromhex(text).decode("ascii"))
        except ValueError:
            return ""
    return _from_base64(text)


def _from_base64(text: str) -> str:
    """A URL, or a JSON object that holds one, in base64 of either alphabet (or a JWT's middle)."""
    for run in text.split(".")[:3]:
        if not _BASE64.fullmatch(run):
            continue
        bare = run.rstrip("=").replace("-", "+").replace("_", "/")
        bare = bare[: len(bare) - 1] if len(bare) % 4 == 1 else bare
        try:
            spelt = base64.b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8")
        except (binascii.Error, ValueError):
            continue
        if spelt[:8].lower().startswith(_PASSED_ON):
            return _clean(spelt)
        if spelt.lower().startswith(("http%3a", "https%3a")):
            return _decoded(spelt)
        if spelt.lstrip().startswith("{") and (found := _from_json(spelt)):
            return found
    return ""


def _from_json(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    found: list[tuple[int, str]] = []
    todo: list[tuple[str, object]] = [("", value)]
    while todo:
        key, value = todo.pop()
        if isinstance(value, dict):
            todo.extend((str(name).lower(), inner) for name, inner in value.items())
        elif isinstance(value, str):
            if value[:8].lower().startswith(_PASSED_ON) and key not in _OTHER_KEYS:
                found.append((0 if key in _TARGET_KEYS else 1, value))
            elif value.startswith("{") and len(value) < len(text):
                try:
                    todo.append((key, json.loads(value)))
                except (ValueError, RecursionError):
                    continue
    return _clean(min(found, key=lambda entry: entry[0])[1]) if found else ""


def _without_tracking(url: str) -> str:
    head, hash_mark, fragment = url.partition("#")
    path, question, query = head.partition("?")
    kept = [pair for pair in query.split("&") if not _TRACKING.match(unquote(pair.split("=")[0]))]
    query = "&".join(kept)
    if "=" in fragment and all(
        _TRACKING.match(unquote(pair.split("=")[0])) for pair in re.split("[&?]", fragment)
    ):
        hash_mark = fragment = ""
    return path + (question + query if query else "") + hash_mark + fragment


_REFERRAL = {"ref", "ref_src", "referrer", "source", "src", "via", "amp", "outputtype", "smid"}


def _normal(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    host = re.sub(r"^(?:(?:www\d?|amp|m|mobile)\.)+(?=[^.]+\.)", "", host)
    path = parts.path
    # AMP caches name the page in the path: /amp/s/HOST/PATH, /c/s/HOST/PATH.
    cached = re.fullmatch(r"/(?:amp|[cv])/s/([^/]+\.[^/]+)(/.*)?", path)
    if cached and _host(f"https://{cached[1]}"):
        return unwrap(f"https://{cached[1]}{cached[2] or ''}")
    path = re.sub(r"/{2,}", "/", path)
    path = re.sub(r"(?i)/amp(?=/|$)|\.amp(?=$|\.html?$)", "", path)
    path = re.sub(r"(?i)/index\.(?:html?|php)$", "/", path).rstrip("/")
    path = re.sub(
        r"%([0-9A-Fa-f]{2})",
        lambda code: (
            char
            if (char := chr(int(code[1], 16))).isascii() and (char.isalnum() or char in "-._~")
            else code[0].upper()
        ),
        path,
    )
    pairs = [bare for pair in parts.query.split("&") if (bare := re.sub("^(amp;)+", "", pair))]
    query = "&".join(sorted(pair for pair in pairs if pair.split("=")[0].lower() not in _REFERRAL))
    try:
        port = f":{parts.port}" if parts.port and parts.port not in {80, 443} else ""
    except ValueError:
        port = ""
    host = f"[{host}]" if ":" in host else host
    fragment = f"#{parts.fragment}" if parts.fragment.startswith("!") else ""
    return f"https://{host}{port}{path}" + (f"?{query}" if query else "") + fragment
