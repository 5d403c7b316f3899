"""The few word lists that the guards need, by meaning, in several languages.

Each list only finds reasons against showing a sentence alone; a language that is missing here is
guarded by form alone (quotation marks, brackets, ends, length).
"""

import re


def starts(*patterns: str) -> re.Pattern[str]:
    """A pattern for the beginning of a sentence, behind marks that open it."""
    return re.compile(r"[\W_]{0,4}(?:" + "|".join(patterns) + r")(?!\w)", re.I)


# References to a person or thing that was named before.
PRONOUN = {
    "en": starts(
        r"the (?:\w+ ){1,2}ones?(?! of\b| who\b| that\b| in\b)|"
        r"he|she|they|him|them|his|hers?|their|theirs|its|it|this|that(?! the\b)|these|those|"
        r"such|both|neither|"
        r"either|he['’]\w+|she['’]\w+|they['’]\w+|it['’]\w+|that['’]s|this['’]s|"
        r"(?:the|these|those) (?:latter|former|two|three|four|five|pair|duo|trio|same|other|"
        r"others)|"
        r"here(?! (?:is|are)\b|,? we\b)|then|there(?!['’]s| (?:is|are|was|were|will|has|have|may|"
        r"might|can|could|"
        r"remains?|seems?|exists?|appears?|comes?)\b)|thus|one of (?:them|these|those|which)|"
        r"(?:some|many|most|all|none|each|several|few|both|any|two|three|half) of (?:them|these|"
        r"those|this|"
        r"which|whom)|others?|another(?! \w+ (?:of|in|from)\b)|same here|the other",
    ),
    "de": starts(
        r"er|sie|ihm|ihn|ihr(?:e[mnrs]?)?|sein(?:e[mnrs]?)?|dies(?:e[mnrs]?)?|jene[mnrs]?|"
        r"das (?:ist|war|sei|wäre|wird|würde|hat|hatte|heißt|bedeutet|sind|kann|könnte|soll|muss)|"
        r"solche[mnrs]?|beide[nr]?|dort|da|deren|dessen|davon|dazu|damit|dafür|dagegen|dabei|darin|"
        r"daran|darauf|daraus|darüber|darum|daher|deshalb|deswegen|derselbe|dieselbe|"
        r"letztere[rnsm]?",
    ),
    "fr": starts(
        r"les deux|il|elle|ils|elles|lui|leurs?|son|sa|ses|ce(?:ci|la)?|c['’]est|c['’]était|ça|"
        r"cette|cet|ces|"
        r"celui|celle|ceux|celles|celui-ci|celle-ci|tous deux|tel(?:le)?s?|y|en cela",
    ),
    "es": starts(
        r"otr[oa]s?|los dos|las dos|él|ella|ellos|ellas|ello|su|sus|este|esta|estos|estas|esto|"
        r"ese|esa|esos|esas|eso|"
        r"aquel(?:la)?|"
        r"ambos|ambas|tal(?:es)?|dich[oa]s?|allí|así|sendos",
    ),
    "pt": starts(
        r"est[ea]s?|outr[oa]s?|ambos|ambas|os dois|as duas|é (?:o )?que|é o caso|"
        r"uma? del[ea]s|cada um|"
        r"d[oa]s (?:dois|duas|três|quatro|cinco)|ele|ela|eles|elas|seus?|suas?|"
        r"esse|essa|esses|essas|isso|isto|aquel[ea]s?|aquilo|"
        r"dess[ea]s?|ness[ea]s?|dest[ea]s?|nest[ea]s?|disso|nisso|tais|lá|ali|o mesmo|a mesma",
    ),
    "it": starts(
        r"i due|le due|altr[ioea]|egli|lui|lei|essi|esse|essa|esso|loro|suo|sua|suoi|sue|questo|"
        r"questa|questi|queste|"
        r"quello|"
        r"quella|quelli|quelle|ciò|entrambi|entrambe|tali|costui|costoro",
    ),
    "nl": starts(
        r"hij|zij|ze|hun|haar|dit|dat|deze|die|zijn|beide|daar",
    ),
    "sv": starts(
        r"han|hon|hun|de|dem|dess|deras|detta|denna|dessa|sin|sitt|dette|denne|disse",
    ),
    "ru": starts(
        r"он|она|они|оно|его|её|ее|их|это|этот|эта|эти|такой|такая|такие|там",
    ),
    "uk": starts(
        r"він|вона|вони|воно|його|її|їх|це|цей|ця|ці",
    ),
    "pl": starts(
        r"on|ona|oni|jej|jego|ich|to|ten|ta|te|tego|tym",
    ),
    "tr": starts(
        r"o|bu|şu|onlar|bunlar|onun|bunun",
    ),
}
PRONOUN_CJK = re.compile(
    r"[\W_]{0,3}(?:他们|她们|它们|他|她|它|这(?!里是)|那(?!么些)|此(?!次|外)|其(?!中一|实|他)|该|"
    r"彼ら|彼女|彼[はがのをも]|これ|それ|その|この|あの|こう|そう|ここ|そこ|그는|그녀|그들|이는|이것|그것|"
    r"이러한|그런|이런)"
)
# "It" that stands for nothing: what it announces follows in the sentence.
EXPLETIVE = re.compile(
    r"[\W_]{0,4}(?:it(?:['’]s| has) been (?:\w+ ){1,4}since\b|it(?:['’]s| is| was) the (?:first|"
    r"last|second|"
    r"third|\w+est) (?:time|day|week|month|year)|it(?:['’]s| is| was) been\b|it (?:costs?|takes?|"
    r"took) "
    r"[^,]{1,40} to\b|it would be \w+ (?:if|to)\b|it(?:['’]s| is| was| has been| will be| would "
    r"be| may be| "
    r"might be| seems| appears| remains| turns out| became) (?:no longer |\w+ly )?(?:not |also |"
    r"now |still |too "
    r"|very |more |most )?(?:\w+ )?(?:that|to|how|whether|for (?:[\w’'-]+ ){1,4}to|(?:hard|easy|"
    r"difficult|"
    r"possible|impossible|important|likely|unlikely|time|clear|unclear|true|common|worth|"
    r"announced|reported|"
    r"said|estimated|expected|believed|known|revealed)\b)"
    r"|es (?:ist|war|wird|wurde|gibt|gab|sei|hat sich|kommt|handelt|heißt|geht|steht|fehlt)\b|il "
    r"(?:y a|y avait|faut|fallait|est (?:\w+ )?(?:que|de)|s['’]agit|existe|reste|semble|"
    r"convient)\b|sie (?:können|möchten|müssen|sollten|haben|finden)\b|het is\b|dit is\b|det "
    r"(?:är|finns|er|finnes)\b)",
    re.I,
)
# This and that of time, place or of the text itself, which need nothing before.
POINTING = re.compile(
    r"[\W_]{0,4}(?:in )?(?:th(?:is|ese) (?:\w+ (?:of|in|for|at|by|from|between)\b|week|month|"
    r"year|morning|afternoon|evening|weekend|summer|winter|"
    r"spring|autumn|fall|season|time|article|post|paper|guide|tutorial|newsletter|series|"
    r"issue|edition|essay|report|page|site|website|book|podcast|episode|video|"
    r"repo(?:sitory)?|days|(?:blog|web|past|coming|last|next) \w+|"
    r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday))"
    r"|dies(?:e[nrs]?)? (?:woche|jahr|monat|wochenende|sommer|winter|frühjahr|herbst|artikel|"
    r"beitrag|"
    r"ausgabe)|cette (?:semaine|année|nuit)|ce (?:mois|matin|soir|lundi|mardi|mercredi|jeudi|"
    r"vendredi|"
    r"samedi|dimanche|billet)|cet (?:été|article|hiver|automne)|est[ea] (?:semana|año|mes|noche|"
    r"mañana|"
    r"tarde|lunes|martes|miércoles|jueves|viernes|sábado|domingo|artículo|ano|mês|noite|manhã|"
    r"artigo)|"
    r"nest[ea] (?:semana|ano|mês|artigo|sábado|domingo|segunda|terça|quarta|quinta|sexta)|"
    r"quest[oa']\s?(?:anno|settimana|mese|mattina|sera|articolo)|dit (?:jaar|artikel)|deze (?:week|"
    r"maand)|(?:ere|so)? far this year|such as|both (?:the |(?-i:[A-Z\"“]))|that (?:said "
    r")?(?:\w+ ){1,6}is\b)",
    re.I,
)
# Words that join a sentence to the one before it.
CONNECTIVE = {
    "en": starts(
        r"because(?![^.]*,)|whereas(?![^.]*,)|"
        r"(?:for|of|in|on|with|by|from|to|at|among|after|before|until|without|unlike|like) (?:this|"
        r"that|these|those|them|it|him|her),|"
        r"(?:when|if|while|as|once|because|although|since|until|before|after) (?:it|they|he|she|"
        r"this|"
        r"these|those)(?! (?:is|was) (?:\w+ )?to\b)|"
        r"however|but|also|instead|and|meanwhile|still|yet|so(?! (?:far|that)\b)|therefore|"
        r"nevertheless|nonetheless|moreover|"
        r"furthermore|additionally|in addition(?! to (?!this|that|these|it))|as a result(?! of "
        r"(?!this|that|these|it))|for (?:example|instance)|that said|by contrast|"
        r"in contrast(?! to (?!this|that|these|him|her|them))|on the (?:other|one) hand|"
        r"similarly|likewise|otherwise|consequently|hence|or|nor|"
        r"because of (?:this|that)|after (?:that|this)|at the same time|in other words|besides|"
        r"though,|plus|in fact|indeed|accordingly|conversely|subsequently|in turn|for (?:this|"
        r"that) reason|"
        r"to (?:this|that) end|above all|after all|at (?:this|that) point|in (?:this|that|these|"
        r"such|so) "
        r"\w+|by (?:doing so|then|that time)|since then|until then|even so|even then|of course|"
        r"more importantly|most importantly|worse|better still|what['’]s more|on top of (?:that|"
        r"this)|"
        r"despite (?:this|that|these|those)|as (?:such|mentioned|noted|described) ?(?:above|"
        r"before|earlier)?|"
        r"with (?:this|that|these|those|so)|from (?:this|that|these|there|here)|which|"
        r"under (?:this|that|these)|according to (?:him|her|them|it|this)|like (?:this|that|him|"
        r"her|them|"
        r"many of)|unlike (?:him|her|them|that|this)|among (?:them|these|those|other things)|"
        r"(?:first|second|third|fourth|fifth|next|last|last but not least)(?:ly)?,|(?:step|"
        r"option|part|"
        r"item|phase) (?:\d+|one|two|three)[:.]|the reason (?:is|was|being|for (?:this|that))|"
        r"the result|"
        r"the same (?:is|was|goes|applies|holds)",
    ),
    "de": starts(
        r"danach|anschließend|zuvor|seither|seitdem|ebenso|hierzu|hierbei|hierfür|aber|auch|doch|"
        r"und|jedoch|allerdings|außerdem|zudem|trotzdem|dennoch|stattdessen|"
        r"indes(?:sen)?|"
        r"denn|oder|zum beispiel|so|dann|also|somit|folglich|ferner|darüber hinaus|gleichzeitig|"
        r"hingegen|dagegen|deshalb|nun|im gegenteil|zwar|währenddessen|hinzu kommt|sondern|"
        r"in d(?:iesem|ieser|iesen) \w+",
    ),
    "fr": starts(
        r"mais|et|or|donc|ainsi|cependant|toutefois|pourtant|néanmoins|aussi|également|par "
        r"ailleurs|"
        r"en outre|de plus|par exemple|en revanche|enfin|puis|ensuite|alors|car|ou|en effet|"
        r"d['’]ailleurs|quant à (?:lui|elle|eux|elles)|au contraire|pendant ce temps|du coup|bref",
    ),
    "es": starts(
        r"pero|y|o|e|sin embargo|no obstante|además|también|por (?:ello|eso|otra parte|otro lado|"
        r"ejemplo|"
        r"lo tanto|tanto)|así|entonces|luego|aunque así|asimismo|mientras tanto|en cambio|aun "
        r"así|pues|"
        r"de hecho|es decir|por el contrario|porque|a su vez|con ello|con esto",
    ),
    "pt": starts(
        r"mas|porém|contudo|todavia|entretanto|no entanto|também|além disso|por isso|assim|então|"
        r"por exemplo|por outro lado|já|e|ou|aliás|ainda assim|porque|pois|afinal|"
        r"em vez disso|enquanto isso|ao mesmo tempo|ou seja|com isso|daí",
    ),
    "it": starts(
        r"ma|però|tuttavia|inoltre|anche|quindi|dunque|così|allora|poi|infatti|invece|ed?|oppure|"
        r"ovvero|"
        r"per esempio|ad esempio|nel frattempo|intanto|al contrario|perciò|pertanto|cioè",
    ),
    "nl": starts(
        r"maar|en|ook|echter|daarnaast|bovendien|toch|dus|of|want",
    ),
    "sv": starts(
        r"men|och|og|också|også|dock|dessutom|eller",
    ),
    "ru": starts(
        r"но|и|а|однако|также|поэтому|или|кроме того|например|тем не менее|при этом|зато|затем",
    ),
    "uk": starts(
        r"але|і|та|однак|також|тому|проте",
    ),
    "pl": starts(
        r"ale|i|jednak|także|więc|oraz|dlatego",
    ),
    "tr": starts(
        r"ama|ve|ancak|fakat|ayrıca|çünkü",
    ),
}
CONNECTIVE_CJK = re.compile(
    r"[\W_]{0,3}(?:但是?|然而|不过|因此|所以|而且|而(?!今)|并且|此外|另外|同时|于是|例如|比如|可是|"
    r"しかし|また、|そして|だが|ただし?、|さらに|なお、|一方|そのため|したがって|例えば|だから|でも|"
    r"그러나|하지만|또한|그리고|그래서|따라서|한편|그런데)"
)
# "The" with a noun that points at what was told before.
ANAPHOR = re.compile(
    r"[\W_]{0,4}the (?:move|decision|announcement|incident|ruling|verdict|proposal|changes?|"
    r"comments?|"
    r"remarks?|pair|duo|couple|man|woman|suspect|victim|boy|girl|following|above|effort|accident|"
    r"crash|"
    r"attack|statement|letter|lawsuit|complaint|deal|agreement|merger|acquisition|news|idea)(?: "
    r"(?:is|was|are|were|will|has|had|have|would|could|can|may|might|also|came|comes|said|says|"
    r"did|does|\w+ed|\w+s)\b|,|['’]s\b)(?! (?:is |was )?(?:that|to|how|why)\b)",
    re.I,
)
# The sentence after it takes back what was said.
DENIAL = re.compile(
    r"[\W_]{0,4}(?:(?:but |however,? |yet |in fact,? )?(?:that|this|it|which)(?:['’]s| is| was| "
    r"turned out(?: "
    r"to be)?| proved(?: to be)?|, however, (?:is|was))(?:,? \w+,?)? (?:not (?:true|correct|so|"
    r"right|the "
    r"case|accurate)|n['’]t (?:true|correct|so|right|the case|accurate)|wrong|false|untrue|"
    r"incorrect|"
    r"a (?:myth|lie|hoax|rumou?r|joke|mistake)|misleading|nonsense|unfounded|fake)"
    r"|(?:that|this|it) (?:isn|wasn)['’]t (?:true|correct|so|right|the case|accurate)"
    r"|not so|not true|wrong[.!]|except (?:that|it)|just kidding|(?:but )?no,? (?:it|they|he|she|"
    r"that)\b"
    r"|(?:update|correction|clarification|editor['’]s note|erratum)s?\s?:"
    r"|(?:the |a |but |however,? )?(?:[\w.’'-]+ ){1,5}(?:has |have |later |quickly |immediately |"
    r"strongly )?"
    r"(?:den(?:y|ies|ied)(?= (?:the|that|this|these|those|it|any|all|having|doing|wrongdoing)\b|"
    r"[.,])|"
    r"(?:reject|disput|refut|dismiss|contradict)e?(?:d|s|ed)?(?= (?:the|these|those|that|this|"
    r"such|any|all|"
    r"his|her|their) (?:\w+ )?(?:claim|allegation|report|rumou?r|accusation|suggestion|"
    r"assertion)))|das (?:stimmt|trifft) (?:aber |jedoch |so )?nicht|(?:aber )?das ist (?:falsch|"
    r"nicht (?:wahr|richtig))|"
    r"korrektur:|richtigstellung:|(?:[\w-]+ ){1,5}(?:dementiert|bestreitet|wies(?: das| dies)? "
    r"zurück)|c['’]est faux|ce n['’]est pas (?:vrai|exact|le cas)|(?:[\w-]+ ){1,5}(?:dément|a "
    r"démenti|nie)\b|"
    r"mise à jour ?:|correction ?:|(?:pero )?(?:eso )?no es (?:cierto|verdad|así)|es falso|"
    r"(?:[\w-]+ ){1,5}(?:desmintió|negó|desmiente|niega)\b|(?:mas )?(?:isso )?não é verdade|é "
    r"falso|"
    r"(?:[\w-]+ ){1,5}(?:desmentiu|negou|nega)\b|(?:ma )?non è vero|è falso|"
    r"(?:[\w-]+ ){1,5}(?:ha smentito|smentisce|nega)\b)",
    re.I,
)
TEASER = re.compile(
    r"[\W_]{0,4}(?:(?:click|tap) (?:here|below|on|the|to)|(?:read|learn|see|find out|discover) "
    r"(?:more|how|the "
    r"(?:full|whole|rest)|on|why|what|below)|(?:see|read|check) (?:the |our |this |\w+'s "
    r")?(?:below|full|"
    r"link|website|announcement|release notes|article)|sign up(?! by)|subscribe|follow (?:us|me|"
    r"@)|share (?:this|"
    r"your|with)|forward this|stay tuned|don['’]t (?:miss|forget to)|check it out|"
    r"tell (?:us|me)|let (?:us|me) know|join (?:us|me|the (?:discussion|conversation))|watch "
    r"(?:the|this|our)|"
    r"listen to|download (?:the|our|now)|donate|chip in|add your name|act now|buy |order (?:now|"
    r"your|"
    r"today)|shop |get (?:your|started|yours|the app|it (?:now|here))|try (?:it|our|for free)|"
    r"book (?:now|your)|"
    r"rsvp|register (?:now|here|today)|click|reply to|email (?:us|me)|contact (?:us|me)|call "
    r"(?:us|now)|"
    r"visit (?:us|our|the \w+ (?:page|website|site))|for more (?:information|info|details|on)|more "
    r"(?:information|info|details) (?:is|are|on|about|can|at|here)|you can (?:find|read|see|"
    r"learn|get|"
    r"download) (?:more|the full|all|it|the)|here(?:['’]s| is| are) (?:how|why|what|the (?:link|"
    r"full)|a "
    r"(?:link|look|list|quick)|some|our|my|your|more)|what (?:do you think|happened next)|"
    r"jetzt \w+(?:en)?\b(?= |$)|hier (?:klicken|geht|finden|lesen|können)|mehr (?:dazu|erfahren|"
    r"infos?|informationen)|lesen sie|melden sie sich|erfahren sie|abonnieren|"
    r"cliquez|découvrez|inscrivez|abonnez|lire (?:la suite|aussi)|en savoir plus|rendez-vous sur|"
    r"haz clic|haga clic|suscríbe|descubre|lee (?:más|también)|más información|"
    r"clique|saiba mais|leia (?:mais|também)|inscreva|assine|confira|veja (?:mais|também)|"
    r"clicca|scopri|iscriviti|leggi (?:anche|tutto|di più)|abbonati|klik hier|lees (?:verder|"
    r"meer))",
    re.I,
)
TEASER_CJK = re.compile(
    r"点击|點擊|扫码|订阅|阅读原文|详情请|詳しくは|続きは|こちらから|クリック|자세한 내용은|구독"
)
GREETING = re.compile(
    r"[\W_]{0,4}(?:hello and welcome|welcome (?:back )?to (?:another|a new|the latest)|"
    r"(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening)|welcome(?: "
    r"back)?)\b(?! "
    r"to (?:\w+ )?(?:power|work|school))(?: [\w.’'-]+){0,5}[ ]?[,!.]|welcome to (?:the|this|our|"
    r"another|"
    r"issue|my)|happy (?:\w+day|holidays|new year)|thank(?:s| you)(?: so much| very "
    r"much)?(?:[,.!]| "
    r"for)|(?:many )?thanks(?! to)|(?:kind |best |warm )?(?:regards|wishes)|sincerely|yours "
    r"(?:truly|sincerely)|"
    r"cheers|(?:all the )?best,|see you|until next|have a (?:great|nice|good|wonderful)|"
    r"(?:we|i) hope (?:you|this|to see|everyone|all)|(?:until|till) (?:then|next time)|talk soon|"
    r"take care|"
    r"happy (?:coding|reading|hacking)|hallo\b|liebe[rs]? \w+|viel spaß|mit freundlichen|"
    r"(?:herzliche|viele|liebe|beste) grüße|bis (?:bald|dann|nächste)|willkommen (?:zu|bei|zurück)|"
    r"guten (?:tag|morgen|abend)|bonjour|bienvenue|cordialement|merci (?:de|pour|à)|bonne "
    r"(?:lecture|"
    r"journée|semaine)|à bientôt|hola\b|bienvenid|saludos|gracias (?:por|a)|un (?:saludo|abrazo)|"
    r"olá\b|bem-vind|obrigad|abraços|atenciosamente|até (?:a próxima|breve)|ciao\b|benvenut|"
    r"grazie (?:per|a)|cordiali saluti|buona (?:lettura|giornata))",
    re.I,
)
ADVERT = re.compile(
    r"\b(?:our sponsor|today['’]s sponsor|brought to you by|(?:promo|discount|coupon) code|"
    r"use (?:the )?code [A-Z0-9]{4,}|limited[- ]time offer|free trial|money[- ]back guarantee|"
    r"special offer|save (?:up to )?\d+ ?%|(?:get|take) \d+ ?% off|while supplies last|order now|"
    r"satisfaction guaranteed|risk[- ]free|act now|no obligation|anzeige:|rabattcode|gutscheincode|"
    r"jetzt (?:kaufen|bestellen|sichern)|code promo|offre spéciale|código de descuento|"
    r"oferta especial|cupom|codice sconto)\b",
    re.I,
)
# Talk about the mailing itself.
ABOUT_MAILING = re.compile(
    r"\bthis (?:post|article|story|piece|essay|interview) (?:was |is )?(?:originally|first|also|"
    r"adapted|cross-?posted)|\A\W*(?:originally|originalmente|ursprünglich|initialement) "
    r"(?:posted|published|publicado|veröffentlicht|publié)|"
    r"\bunsubscri|\b(?:open|view|read) (?:\w+ )?in (?:(?:your|a|the) )?(?:web )?browser|plain "
    r"text version|"
    r"(?:view|read|open|see) (?:this|it|the (?:e-?mail|newsletter))(?: e-?mail| "
    r"newsletter)? "
    r"(?:in (?:your|a|the) browser|online|on the web)|you(?:['’]re| are) (?:receiving|getting) "
    r"this|this "
    r"(?:e-?mail|message|newsletter) (?:was|is|has been) (?:sent|delivered)|(?:trouble|"
    r"problems?) viewing|"
    r"manage (?:your )?(?:preferences|subscription)|forwarded (?:this|to you)|add us to your|all "
    r"rights "
    r"reserved|im browser|abbestellen|abmelden|sie erhalten diese|se désabonner|désinscri|dans "
    r"votre "
    r"navigateur|darse de baja|en (?:su|tu) navegador|cancelar (?:a )?(?:inscri|assinatura)|no "
    r"navegador|"
    r"disiscri|nel browser|uitschrijven|afmelden|отписаться|退订|配信停止|수신\s?거부",
    re.I,
)

# The first words of a sentence that limits what the one before it said.
LIMIT = {
    "en": starts(
        r"however|but|yet|except|unless|though|nevertheless|nonetheless|that said|"
        r"on the other hand|still,|instead|the exception"
    ),
    "de": starts(r"allerdings|jedoch|aber|doch|dennoch|trotzdem|ausgenommen|es sei denn"),
    "fr": starts(r"cependant|toutefois|mais|néanmoins|pourtant|sauf|en revanche"),
}
# In mid-sentence: a noun with a demonstrative, which something left out has introduced. A time
# ("this week") or the text itself ("this post") needs no introduction.
POINTS = re.compile(
    r"(?<=\w )(?:(?:these|those|such|this)|(?:in|of|for|with|on|at|to|from|by|about|into|over|"
    r"bridge|close|fill|meet|reach) that) (?!(?:week|month|year|morning|afternoon|evening|summer|"
    r"autumn|fall|winter|spring|season|time|day|decade|century|quarter|weekend|post|article|page|"
    r"report|paper|newsletter|issue|release|version|repository|tutorial|guide|is|was|are|were|will|"
    r"would|can|who|that|of|in|to|as|an?|the|and|or|one|ones|way)\b)[a-z]{3,}",
)
PERSONAL = re.compile(r"\b(?:I|I['’]\w+|me|my|mine|you|you['’]\w+|your|yours)\b")
