"""What a full stop does not end: abbreviations, by what may follow them, in several languages.

Lists of common written abbreviations, put together for this module and checked on cuts read by
hand; a language that is missing loses accuracy, not function.
"""

import re

# Written in small letters here: with a capital too. Written with a capital: only so, since the word
# in small letters is a common one. All capitals never match but for the few with stops inside.

# A name, a number or a lower-case word follows: never the end of a sentence.
_NEVER = """
    EE mr mrs ms mx dr drs
    prof Rev Fr Hon Rep Reps Sen Sens Gov Govs Gen Lt Col sgt Capt cpt cmdr Adm
    Maj pvt cpl Pres supt insp st ste Mt v vs viz cf e.g i.e approx resp esp incl messrs mme mmes
    mlle mgr Sr Sra Srta Srs Dra D Dña ud uds vd vds exmo exma ilmo Ing Arq Lic dott sig sigg sigra
    avv Geom z.b d.h u.a u.u z.t i.d.r i.d.s v.a o.ä u.ä bzw evtl ggf inkl exkl zzgl vgl bspw sog
    hrsg geb gest verh dipl frhr p.ex p.e env c.-à-d c.à.d cfr p.es dhr mevr ir jhr o.a d.w.z bijv
    t.ex bl.a dvs m.a.o s.k kl tzv tj např mj tzn tzw śp
    т.е т.к т.н ул им гр проф акад см ср H.R H.Res S.Res H.Con.Res Pub.L z d c
"""
# The end only if a word follows that begins sentences.
_SOMETIMES = """
    UU u.s u.k u.n e.u d.c u.s.a u.a.e n.y n.j n.c s.c n.d s.d n.h n.m r.i p.r b.c l.a a.d a.m p.m
    m.d ph.d b.a m.a j.d d.d.s Inc Ltd Co Corp llc plc Bros Jr etc usw u.s.w Est Dept Univ
    Ave Blvd rd str ln hwy pkwy Calif Conn Fla Ariz Ark Colo Del Ga Ill Ind Kan Ky La Md Mass
    Mich Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo Ont Que Alta
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun
    mrd mio tsd std Min Sek jh jhd jhdt n.chr v.chr ee.uu s.a s.l s.p.a s.r.l s.a.s Ltda Cia
    e.v i.r d.j av avda cap pág págs tel hr hrs ft km kg cm mm Fam Mag Arch
    d.j m.p m.e.p w.h.o al
    г тыс млн млрд др пр руб
"""
# Not the end before a number.
_NUMBERED = """
    no nos nr n.º nº n p pp s pg fig figs vol vols ch chap sec sect art arts par ver op eq eqs tab
    ed bd kap abs ziff § pub.l cap núm num tel rn rt rte c ca approx kl № стр рис ст п
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec
"""
NEVER = frozenset(_NEVER.split())
SOMETIMES = frozenset(_SOMETIMES.split())
NUMBERED = frozenset(_NUMBERED.split())


def listed(token: str, words: frozenset[str]) -> bool:
    """Whether a word without its full stop is one of a list above."""
    if token in words:
        return True
    if token.isupper() and len(token) > 1 and "." not in token:
        return token in {"MR", "MRS", "MS", "DR", "ST", "NO", "VS"} and token.lower() in words
    return len(token) > 1 and token.casefold() in words


# Words that, with a capital, begin sentences: function words, no names.
_STARTERS = """
    i the this that these those there then they their he she it its his her we our you your i'm i've
    if in on at as and an but by for from with when while what who why how where which so such
    some since after before although because both each even every however instead meanwhile many
    most more no not now of once one only or other our over under until to today yesterday also
    all any are is was were has have will would can could do does did let please here read until
    der die das den dem des ein eine einen einem einer er sie es wir ihr ich und aber oder auch
    doch wenn weil nach vor bei mit für auf aus im in am um zu zum zur seit so damit dabei dazu
    dies diese dieser dieses nun nur noch schon als wie was wer wo während bis trotz laut unter
    le la les un une des ce cet cette ces il elle ils elles nous vous on je mais et ou où donc car
    dans en au aux pour par sur avec sans après avant selon depuis pendant si ainsi c'est l'on
    el los las una unos unas este esta estos estas eso él ella ellos nosotros pero y o según con
    sin para por desde hasta cuando como si también además aunque tras sobre entre
    o os as um uma uns umas ele ela eles elas nós mas e segundo com sem para por desde até quando
    como se também além embora após sobre entre no na nos nas do da dos das isso isto
    il lo gli una uno questo questa questi queste lui lei loro noi ma ed secondo con senza per da
    dal dalla nel nella quando come se anche dopo prima
    de het een dit dat deze hij zij ze wij we ik en maar of ook als na voor met op in
    и в на но а он она они мы это этот эта эти по с к от для как что если
"""
STARTERS = frozenset(_STARTERS.split())
# Lower-case words that begin sentences where people write without capitals.
_CASUAL = "i it he she we they you my this the if what so yes no"
CASUAL = frozenset(_CASUAL.split())

# Before an ordinal with a full stop (German, and its neighbours): "am 3. Mai", "der 20. Tag".
_BEFORE_ORDINAL = """
    am der die das dem den des vom zum zur im ab bis seit beim ins und oder jeder jede jedes
    diesem diesen dieser seinem seinen seiner ihrem ihren ihrer auf platz rang de dne od do ze
    dnia den på
"""
BEFORE_ORDINAL = frozenset(_BEFORE_ORDINAL.split())
# After one: months and what is counted so.
AFTER_ORDINAL = re.compile(
    r"(?:Jan(?:uar|\b)|Jän|Feb(?:ruar|\b)|März|April|Mai\b|Juni?\b|Juli?\b|Aug(?:ust|\b)|"
    r"Sep(?:tember|t?\b)|Okt|Nov(?:ember|\b)|Dez|Jahrhundert|Jahrestag|Geburtstag|Platz|Auflage|"
    r"Klasse|Stock|Etage|Tag\b|Mal\b|Runde|Liga|Spieltag|Bundes|Weltkrieg)"
)
# Names that end in an exclamation mark.
SHOUTS = re.compile(r"(?:Yahoo|Jeopardy|Yum|Joomla|Guess|Oliver|Mamma Mia|Panic)!\Z")
# Who speaks, right behind a quotation that ends with a mark of its own.
SPEAKS = re.compile(
    r"\s+(?:[A-ZÄÖÜÉ][\w.’'-]*\s+){1,4}(?:said|says|asked|asks|added|wrote|writes|told|replied|"
    r"explained|tweeted|announced|answered|shouted|recalled|noted|sagte|sagt|fragte|meinte|schrieb|"
    r"dijo|disse|ha detto)\b"
)
SPEAKS_CJK = re.compile(
    r"\s?(?:[と、，,]|って|という|などと|[^，。！？、\s“”「」]{0,8}(?:说|說|表示|称|道|问|写|指出|补充|補充))"
)
