"""Parts of a block that are no sentence of the story: datelines, greetings, credits, buttons.

By form and by a few words in several languages. A part that is not known here stays with its
sentence; nothing is thrown away.
"""

import re

_AGENCY = r"\((?:[A-Z][\w.& /-]{1,30}|AP|AFP|dpa|dapd|epd|kna|ots|efe|lusa|ansa)\)"
_LONG_DASH = r"[ \t]*(?:--|- -|—|–)[ \t]+"
_DASH = r"[ \t]*(?:--|- -|—|–|-)[ \t]+"
_CAPS = "A-ZÄÖÜÉÈÁÍÓÚÑÇ"
_CITY = rf"(?:ST\.? |LE |LA |EL )?[{_CAPS}]{{3}}[{_CAPS}.'’ -]{{0,40}}"
_PLACE = r"(?:, ?[A-Z0-9][\w.’' ]{1,25})"
_NAME = r"[A-ZÄÖÜÉ][\w.’'-]+(?: (?:de |da |do |la |am |an der )?[A-ZÄÖÜÉ][\w.’'-]+){0,3}"
DATELINE = re.compile(
    rf"[*_]{{0,3}}(?:(?:{_CITY}|{_NAME})?{_PLACE}{{0,3}} ?{_AGENCY}[*_.]{{0,4}}{_DASH}"
    rf"|{_CITY}{_PLACE}{{1,3}}[*_.]{{0,4}}{_LONG_DASH}|[{_CAPS}]{{5}}[{_CAPS}.'’ "
    rf"-]{{0,40}}[*_.]{{0,4}}{_LONG_DASH})(?=\S)"
)

# Behind the header of a news wire: the place all in capitals, a state, and a long dash.
LATE = re.compile(
    rf"\b{_CITY}, (?:[A-Z]\.[A-Z]\.|[A-Z][\w. ]{{2,20}})[ \t]*(?:--|- -|—)[ \t]+(?=[A-Z])"
)
GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|greetings|howdy|welcome back|hallo|"
    r"liebe[rs]?|guten (?:tag|morgen|abend)|moin|sehr geehrte[rs]?|bonjour|salut|ch[eè]re?s?|hola|"
    r"buenos d[ií]as|estimad[oa]s?|querid[oa]s?|ol[áa]|oi|bom dia|car[oiae]|ciao|buongiorno|"
    r"gentili?|"
    r"beste|お疲れ様です|こんにちは|皆様|你好|您好|大家好)"
    r"(?: [\w.’'{}*|-]+){0,5}[ ]?[,!:，！、。](?=\s|$)\s*",
    re.I,
)
_CREDIT = (
    r"(?:photo(?:graph)?s?|image|picture|illustration|graphic|screenshot|video|credit|source|foto|"
    r"bild|grafik|abbildung|quelle|crédits?|fuente|fonte|imagen|imagem|immagine)"
    r"(?: (?:credit|courtesy|by|via|from|von|de|di|por|source|copyright))*"
)
CREDIT = re.compile(
    rf"[(\[*_]*{_CREDIT}(?: ?:| (?:by|courtesy|via|von|credit)\b)[^\n]{{0,140}}\Z"
    r"|[(\[*_]*(?:©|\(c\) ?\d{4}|copyright\b)[^\n]{0,140}\Z"
    r"|(?-i:[^\n]{0,160}(?:/ ?(?:Getty Images|Reuters|AFP|AP|dpa|EPA|Shutterstock)|\((?:AP|"
    r"Reuters|AFP|Getty)\b[^)]{0,40}\))[)\]*_. ]*)\Z",
    re.I,
)
_NAMES = r"(?:[A-ZÄÖÜÉ@][\w.’'@-]*|and|und|et|y|e|de|van|von|&|\[[^\]]{0,60}\]\(\S{0,300}\))"
_OFFICE = r"(?:\||–|-|for|of|the|\d{1,4},?|(?:[a-z.]+ )?(?:writer|editor|reporter|correspondent))"
BYLINE = re.compile(
    r"[*_]*(?i:by|von|par|por|di|de|texto?:|words by|written by|posted by|author:|geschrieben von)"
    rf":? {_NAMES}(?:,? (?:{_NAMES}|{_OFFICE})){{0,11}}[*_. ]*\Z"
)
_PICTURED = (
    r"\s*\((?:photo|image|picture|illustration|credit|foto|bild|crédit|imagen|imagem)s?\b"
    r"[^()]{0,120}\)\s*"
)
NAVIGATION = re.compile(
    r"[\W_]*(?:(?:click|tap) here[^.]{0,60}|(?:read|learn|see|find out|discover|hear|show|view|"
    r"watch) "
    r"(?:more|all|now|the full (?:story|article|post)|on|next|online|in (?:your "
    r")?browser)[^.]{0,40}|"
    r"continue reading[^.]{0,60}|more|full story|keep reading|sign ?up(?: (?:now|here|for free))?|"
    r"subscribe(?: (?:now|here|today))?|share(?: (?:this|on|it)[^.]{0,30})?|tweet|forward|"
    r"comments?|"
    r"leave a comment|like|follow us[^.]{0,30}|advertisement|sponsored|anzeige|werbung|publicité|"
    r"publicidad[e]?|pubblicità|skip to (?:main )?content|table of contents|related(?: \w+)?|"
    r"home|menu|"
    r"unsubscribe|print|download(?: (?:now|here|the app))?|listen(?: now)?|watch(?: now)?|"
    r"mehr (?:lesen|erfahren|dazu)|weiterlesen|zum artikel|jetzt \w+|hier klicken|lire (?:la suite|"
    r"plus)|en savoir plus|leer m[áa]s|seguir leyendo|m[áa]s informaci[óo]n|ler mais|leia mais|"
    r"saiba mais|leggi (?:tutto|di pi[ùu]|anche)|continua a leggere|lees (?:verder|meer)|"
    r"続きを読む|もっと見る|阅读更多|閱讀更多|查看更多|阅读全文|더 ?보기)[\W_]*",
    re.I,
)
TRAILING = re.compile(
    rf"(?:{_PICTURED}|"
    r"\s*[\[(]?\b(?:read (?:more|on)(?: here)?|continue reading|learn more|more here|full story|"
    r"see more|weiterlesen|mehr lesen|mehr dazu|lire la suite|leer m[áa]s|ler mais|leia mais|"
    r"saiba mais|"
    r"leggi tutto)\b[\])]?[\s.»›>→…!*_]*|\s*\(more\)\s*|\s*[\[(](?:…|\.\.\.)[\])]\s*)\Z",
    re.I,
)
_ENDED = re.compile(r"[.!?…。！？:：;؟।][\"'”’»)\]*_」』]*\Z")


def lead(block: str, first: bool) -> int:
    """Where the story begins in a block: behind a dateline or a greeting; 0 without one."""
    window = block[:200]
    if greeting := GREETING.match(window):
        return greeting.end()
    dateline = DATELINE.match(window) if first else None
    if dateline is None and first:
        dateline = LATE.search(block[:500])
    return dateline.end() if dateline and dateline.end() < len(block) else 0


def tail(sentence: str) -> int:
    """Where a button or a note begins at the end of a sentence; its length without one."""
    found = TRAILING.search(sentence, max(0, len(sentence) - 160))
    return found.start() if found and found.start() else len(sentence)


def is_aside(words: str) -> bool:
    """Whether a whole part is a button, a credit, a byline or a line without a word to read."""
    if len(words) > 260:
        return False
    if NAVIGATION.fullmatch(words) or CREDIT.match(words):
        return True
    if words.count(" | ") >= 2 and not _ENDED.search(words):
        return True
    return bool(BYLINE.fullmatch(words))


def ended(words: str) -> bool:
    """Whether a part ends with a mark that ends sentences."""
    return bool(_ENDED.search(words[-12:]))
