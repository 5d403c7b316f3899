"""Words that decide whether a sentence may stand, by language: `digest.quote.gates` reads them.

Articles may come, go and change. What is `kept` may not be left out of a part that is used:
negation, doubt, limits, conditions, and who said it. A part that begins with one of `turns`, or
holds one of `speak`, may not be left out as a whole. `joins` may stand between two parts that are
joined. `openers` begin a phrase of time, place or circumstance, which may move from the front of a
sentence to its end. `pronouns` do not begin a statement. `relative` words and
the endings `participle` begin a part that hangs on the one before. `others` only help to tell the
language.
"""

from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    articles: frozenset[str]
    kept: frozenset[str]
    joins: frozenset[str]
    openers: frozenset[str]
    say: frozenset[str]  # verbs that name a speaker, before or behind what is said
    that: frozenset[str]  # joins a speaker to what is said
    turns: frozenset[str]
    source: frozenset[str]  # begins a part that names where it is known from
    pronouns: frozenset[str]
    relative: frozenset[str]
    participle: tuple[str, ...]  # endings of the form that hangs a part on the one before
    others: frozenset[str]

    @property
    def speak(self) -> frozenset[str]:
        """What names a speaker."""
        return self.say | self.source

    @property
    def known(self) -> frozenset[str]:
        """All of them: what the language is told by."""
        return self.articles | self.kept | self.joins | self.openers | self.others


LANGUAGES: dict[str, Words] = {
    "en": Words(
        _words("the a an"),
        _words(
            "not no never none nobody nothing neither nor without cannot n't hardly barely "
            "scarcely may might could would should can must ought likely unlikely possibly "
            "perhaps maybe probably reportedly allegedly apparently seemingly seems seem "
            "appears appear suggests suggest believes believe thinks think hopes hope expects "
            "expect expected plans plan planned wants want aims aim intends intend proposes "
            "proposed proposal set considers considering if unless until whether provided "
            "assuming except excluding only nearly almost about around roughly approximately up "
            "least most more less fewer under over some many few several half part partly "
            "mostly every each all any average but though although however despite yet still "
            "said says say told according reported reports wrote claims claim claimed argues "
            "argued denies denied disputes alleged would-be former failed fails tried tries "
            "attempted attempts risk risks"
        ),
        _words("and while"),
        _words(
            "in on at after before since from during by under over within between for with "
            "despite following last this next according of because when as if once although "
            "though unlike compared founded until"
        ),
        _words(
            "said says say reported reports wrote announced told claims claim claimed argues "
            "argued believes believe thinks admitted warned warns predicts predicted estimates "
            "estimated suggests suggested insisted"
        ),
        _words("that"),
        _words(
            "but though although however despite except excluding unless if until provided only "
            "not no nor yet whether or"
        ),
        _words("according"),
        _words(
            "it its he his him she her they their them this that these those there such both here"
        ),
        _words("which who whose where or"),
        ("ing",),
        _words(
            "to it its is was are were be been has have had he she they his her their who which"
        ),
    ),
    "de": Words(
        _words("der die das den dem des ein eine einen einem einer eines"),
        _words(
            "nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder "
            "noch kaum kann könnte könnten können dürfte dürften darf soll sollen sollte "
            "sollten will wollen wollte müsste müssen muss würde würden möchte vielleicht wohl "
            "möglicherweise wahrscheinlich vermutlich angeblich offenbar mutmaßlich scheint "
            "plant planen erwartet hofft fordert falls wenn sofern ob außer ausgenommen nur "
            "fast beinahe etwa rund ungefähr bis mindestens höchstens mehr weniger über unter "
            "einige viele manche wenige mehrere meisten hälfte teil teils teilweise jeder jede "
            "alle beide aber doch jedoch allerdings obwohl trotz dennoch sagte sagt laut "
            "zufolge angaben teilte berichtet berichtete behauptet erklärte ehemalige früherer "
            "versucht scheiterte"
        ),
        _words("und während"),
        _words(
            "in im am an nach vor seit ab von bei während mit bis weil wenn falls zwischen laut"
        ),
        _words(
            "sagte sagt erklärte berichtete schrieb teilte behauptet behauptete meint glaubt "
            "schätzt warnt versichert"
        ),
        _words("dass"),
        _words(
            "aber doch jedoch allerdings obwohl trotz außer ausgenommen falls wenn sofern bis "
            "nur nicht kein keine sondern noch ob oder"
        ),
        _words("laut zufolge angaben"),
        _words(
            "er sie es sein seine ihr ihre ihm ihnen dies diese dieser dieses das dort solche beide"
        ),
        _words("die der das wobei wo woran wodurch an in oder"),
        ("end",),
        _words("zu er sie es ist war sind hat haben wird auch auf für aus dabei wie ihm sich"),
    ),
    "fr": Words(
        _words("le la les l un une des du d"),
        _words(
            "ne n pas plus jamais rien aucun aucune ni sans personne peut peuvent pourrait "
            "pourraient devrait devraient doit doivent peut-être probablement sans-doute "
            "apparemment semble semblent prévoit prévoient veut veulent espère espèrent "
            "souhaite si sauf excepté seulement que presque environ près jusqu moins supérieur "
            "inférieur plusieurs certains beaucoup peu quelques moitié partie chaque tous "
            "toutes tout toute mais cependant pourtant toutefois malgré bien-que encore selon "
            "dit déclaré annoncé affirme affirmé indiqué expliqué rapporte prétend ancien "
            "ancienne seul seule"
        ),
        _words("et tandis"),
        _words("en à après avant depuis dès pendant selon si dans lors avec sur entre malgré"),
        _words(
            "annoncé déclaré dit indiqué expliqué affirmé affirme assure prétend estime croit "
            "assuré"
        ),
        _words("que qu"),
        _words(
            "mais cependant pourtant toutefois malgré bien sauf excepté si jusqu seulement ne "
            "pas ni sans ou"
        ),
        _words("selon après"),
        _words("il elle ils elles son sa ses leur leurs ce cet cette ces cela celui y en"),
        _words("qui que dont où ou"),
        ("ant",),
        _words("a de se est sont été sera avec par pour qui ont il elle au aux dans ce"),
    ),
    "es": Words(
        _words("el la los las un una unos unas lo"),
        _words(
            "no ni nunca jamás nadie nada ningún ninguna sin puede pueden podría podrían "
            "debería deberían debe deben quizá quizás tal vez probablemente posiblemente "
            "supuestamente presuntamente parece prevé planea quiere quieren espera esperan "
            "busca buscan intenta si salvo excepto sólo solo solamente casi unos unas cerca "
            "hasta menos más mayor menor varios varias algunos algunas muchos pocos mitad parte "
            "cada todos todas todo toda pero aunque embargo pese aún todavía según dijo dice "
            "afirmó afirma anunció informó asegura declaró exministro antiguo barato caro"
        ),
        _words("y e mientras"),
        _words("en tras desde durante según antes después con para a si aunque hasta entre"),
        _words(
            "dijo dice afirmó afirma anunció informó declaró asegura aseguró cree estima sostiene"
        ),
        _words("que"),
        _words(
            "pero aunque sino embargo pese salvo excepto si hasta sólo solo solamente no ni sin o"
        ),
        _words("según"),
        _words("él ella ellos ellas su sus este esta estos estas ese esa esto eso"),
        _words("que quien cuyo donde o"),
        ("ando", "iendo"),
        _words("de del al se es son ha han había por su sus como fue ser entre volverá"),
    ),
    "pt": Words(
        _words("o a os as um uma uns umas"),
        _words(
            "não nem nunca jamais ninguém nada nenhum nenhuma sem pode podem poderia poderiam "
            "deveria deve devem talvez provavelmente possivelmente supostamente alegadamente "
            "parece prevê planeia quer querem espera esperam tenta se salvo exceto só somente "
            "apenas quase cerca até menos mais maior menor vários várias alguns algumas muitos "
            "poucos metade parte cada todos todas todo toda mas embora porém contudo apesar "
            "ainda segundo disse diz afirmou afirma anunciou informou declarou antigo antiga "
            "rejeitam"
        ),
        _words("e enquanto"),
        _words("em no na após desde durante segundo antes depois com para se embora até entre"),
        _words("disse diz afirmou afirma anunciou informou declarou garante acredita estima"),
        _words("que"),
        _words(
            "mas embora porém contudo apesar salvo exceto se até só somente apenas não nem sem ou"
        ),
        _words("segundo"),
        _words("ele ela eles elas seu sua seus suas este esta estes estas esse essa isto isso"),
        _words("que quem cujo onde ou"),
        ("ando", "endo", "indo"),
        _words("de do da dos das ao à por seu sua como foi ser são é uma"),
    ),
    "it": Words(
        _words("il lo la i gli le l un uno una"),
        _words(
            "non né mai nessuno nessuna niente nulla senza può possono potrebbe potrebbero "
            "dovrebbe deve devono potrà potranno forse probabilmente presumibilmente sembra "
            "prevede vuole vogliono spera sperano se salvo tranne eccetto solo soltanto sola "
            "quasi circa fino meno più maggiore minore alcuni alcune molti pochi vari metà "
            "parte ogni tutti tutte tutto tutta ma però tuttavia nonostante sebbene ancora "
            "secondo detto dice afferma annunciato dichiarato ex"
        ),
        _words("e ed mentre"),
        _words(
            "in nel nella dopo da dal durante secondo prima con per a se rispetto fino tra mentre"
        ),
        _words("detto dice annunciato dichiarato affermato afferma sostiene ritiene stima"),
        _words("che"),
        _words(
            "ma però tuttavia nonostante sebbene salvo tranne eccetto se fino solo soltanto non "
            "né senza o"
        ),
        _words("secondo"),
        _words("lui lei loro suo sua suoi sue questo questa questi queste ciò esso essa"),
        _words("che cui dove o"),
        ("ando", "endo"),
        _words("di del della dei al alla ai su è sono ha hanno si come suo sua"),
    ),
    "nl": Words(
        _words("de het een"),
        _words(
            "niet geen nooit niemand niets zonder noch kan kunnen zou zouden moet moeten mag "
            "mogen misschien mogelijk waarschijnlijk vermoedelijk naar verluidt lijkt wil "
            "willen hoopt verwacht plant als tenzij of behalve alleen slechts bijna ongeveer "
            "circa tot minstens hoogstens meer minder over onder enkele veel weinig sommige "
            "meeste helft deel elke iedere alle maar echter hoewel ondanks nog volgens zei zegt "
            "meldt meldde verklaarde voormalige"
        ),
        _words("en terwijl"),
        _words("in op na voor sinds vanaf van bij tijdens met tot omdat als volgens tussen"),
        _words("zei meldde verklaarde zegt beweert denkt schat"),
        _words("dat"),
        _words(
            "maar echter hoewel ondanks tenzij behalve als tot alleen slechts niet geen noch of"
        ),
        _words("volgens"),
        _words("hij zij het zijn haar hun ze dit dat deze die"),
        _words("die dat waar wie of"),
        ("end",),
        _words("te is was zijn heeft hebben wordt ook aan door waar dan die hij zij"),
    ),
}

# What is no title before a name, but a part of it.
COMPASS = _words("north south east west new old upper lower great san santa los las saint")

# Number words up to twenty and the tens, in the order of the digits that they stand for.
_COUNTED = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty",
    "de": "null - zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig",
    "fr": "zéro - deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze "
    "seize - - - vingt",
    "es": "cero - dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "- - - - veinte",
    "pt": "zero - dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze "
    "- - - - vinte",
    "it": "zero - due tre quattro cinque sei sette otto nove dieci undici dodici tredici "
    "quattordici quindici sedici - - - venti",
    "nl": "nul - twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien "
    "vijftien zestien - - - twintig",
}
NUMBERS: dict[str, dict[str, str]] = {
    language: {word: str(n) for n, word in enumerate(words.split()) if word != "-"}
    for language, words in _COUNTED.items()
}
NUMBERS["en"] |= {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100"}
