"""Bytes to text as browsers do it: WHATWG labels, byte order marks, then what the bytes say.

A declared charset is a claim, not a fact. Valid multi-byte UTF-8 wins over a single-byte claim;
bytes that break the claimed encoding are read by detection; nothing here ever raises.
"""

import codecs
import re

import webencodings

# WHATWG names whose decoder is a superset that Python knows under another name.
_WIDER = {"gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949", "big5": "big5hkscs"}
# Labels that mail has and the web dropped. No other Python codec is reachable by name: some of them
# (punycode, unicode_escape) are no charsets and take quadratic time.
_MAIL_ONLY = {
    "utf-7": "utf-7",
    "unicode-1-1-utf-7": "utf-7",
    "utf-32": "utf-32",
    "iso-2022-kr": "iso2022_kr",
    "iso-2022-jp-2": "iso2022_jp_2",
    "iso-2022-jp-3": "iso2022_jp_3",
    "hz-gb-2312": "hz",
    "cp437": "cp437",
    "ibm437": "cp437",
    "cp850": "cp850",
    "ibm850": "cp850",
    "cp852": "cp852",
    "latin-1": "cp1252",
    "cp949": "cp949",
    "cp936": "gb18030",
    "cp932": "cp932",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)
_LABEL = re.compile(r"[\w.:+-]{2,40}")
_SAMPLE = 1 << 16  # bytes that detection looks at


def codec(label: str | None) -> str | None:
    """The Python codec for a charset label as found in the wild, None if it is unknown.

    latin-1 and us-ascii mean windows-1252, gb2312 means gb18030, as in browsers.
    """
    found = _LABEL.search((label or "").lower().replace("charset=", ""))
    if not found:
        return None
    for name in (found[0], found[0].replace("_", "-"), found[0][:5]):  # "utf-8return-path"
        if name in _MAIL_ONLY:
            return _MAIL_ONLY[name]
        if encoding := webencodings.lookup(name):
            break
    if encoding is None or encoding.name == "x-user-defined":
        return None
    return str(_WIDER.get(encoding.name, encoding.codec_info.name))


def decode(data: bytes, declared: str | None = None, *, html: bool = False) -> tuple[str, str]:
    """Text of `data` and a warning ("" if the claim held).

    `html` lets a <meta charset> in the first 4,096 bytes speak where nothing, or only ASCII, was
    declared outside. What cannot be decoded becomes U+FFFD.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(name, "replace").replace("\0", ""), ""
    if data.isascii() and b"\x1b" not in data and b"\0" not in data:
        name = codec(declared) or ""
        if name not in {"utf-7", "hz", "iso2022_kr"}:  # the other 7-bit charsets use ESC
            return data.decode("ascii"), ""
    claim = declared
    if html and _vague(claim) and (meta := _META.search(data[:4096])):
        label = meta[1].decode("ascii", "replace")
        # A page that can be sniffed for "utf-16" is not in UTF-16.
        claim = "utf-8" if label.lower().startswith("utf-16") else label
    text, warning = _by_claim(data, claim)
    return text.replace("\0", ""), warning


def _vague(label: str | None) -> bool:
    return (label or "").strip("\"' ").lower() in {"", "us-ascii", "ascii"} or codec(label) is None


def _by_claim(data: bytes, claim: str | None) -> tuple[str, str]:
    name = codec(claim)
    if name == "utf-8" or name is None:
        return _utf8_first(data, claim)
    if _single_byte(name):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return _web_1252(data) if name == "cp1252" else data.decode(name, "replace"), ""
        said_ascii = "ascii" in (claim or "").lower()
        return text, "" if said_ascii else f"the charset is utf-8, not {claim} as declared"
    try:
        return data.decode(name), ""
    except (UnicodeDecodeError, ValueError):
        text = data.decode(name, "replace")
    if _broken(text) > 0.05:  # not a few bad bytes: the claim itself is wrong
        return _utf8_first(data, claim)
    return text.rstrip("�"), f"some characters could not be read as {claim}"


def _utf8_first(data: bytes, claim: str | None) -> tuple[str, str]:
    """UTF-8 if the bytes are mostly that; otherwise what detection finds."""
    if re.search(rb"\x1b\$[@B]", data[:_SAMPLE]):  # plain ASCII to the eye, Japanese in truth
        return data.decode("iso2022_jp", "replace"), "no charset: read as iso2022_jp"
    unknown = f"unknown charset {claim}" if claim and codec(claim) is None else ""
    try:
        return data.decode("utf-8"), unknown
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    bad = text.count("�")
    good = sum(1 for char in text if char > "\x7f") - bad
    if bad <= 1 + good // 10 and good:
        return text.rstrip("�"), "some characters could not be read as utf-8"
    found = detect(data)
    reason = unknown or (f"the charset is not {claim} as declared" if claim else "no charset")
    text = _web_1252(data) if found == "cp1252" else data.decode(found, "replace")
    return text, f"{reason}: read as {found}"


def detect(data: bytes) -> str:
    """Codec that the bytes most likely are in; windows-1252 when nothing speaks for another."""
    import chardet

    sample = data[:_SAMPLE]
    if sample.count(0) > len(sample) // 4:
        return "utf-16-be" if sample[:2].startswith(b"\0") else "utf-16-le"
    # Few foreign bytes tell nothing of the language: the web's own default is the better guess.
    if sum(byte > 0x7F for byte in sample) < 8:
        return "cp1252"
    return (
        codec(chardet.detect(sample, encoding_era=chardet.EncodingEra.MODERN_WEB)["encoding"])
        or "cp1252"
    )


def _single_byte(name: str) -> bool:
    return name.startswith(("cp12", "iso8859", "koi8", "mac", "cp8", "cp4")) or name == "cp866"


def _broken(text: str) -> float:
    foreign = sum(1 for char in text if char > "\x7f")
    return text.count("�") / foreign if foreign else 0.0


def _web_1252(data: bytes) -> str:
    """windows-1252 with its five holes as C1 controls, as browsers have it."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(_TABLE_1252[byte] for byte in data)


_TABLE_1252 = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]
