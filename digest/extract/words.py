"""The few word lists that splitting needs, by meaning, each in several languages.

They never name a publisher. Every list only adds evidence to signs that need no language (links,
looks, position), so a language that is missing here loses accuracy, not function.
"""

import re
from functools import lru_cache


class Sign:
    """A pattern over lower-cased text: three times as fast as one that ignores case.

    What a text was asked once is remembered, because several rooms ask the same.
    """

    def __init__(self, *patterns: str) -> None:
        self._pattern = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))

    def search(self, text: str) -> re.Match[str] | None:
        """Where the text says it, if it does."""
        return _searched(self._pattern, text)

    def match(self, text: str) -> re.Match[str] | None:
        """The same at the text's beginning."""
        return self._pattern.match(text.lower())


@lru_cache(maxsize=8192)
def _searched(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return pattern.search(text.lower())


# Talk about the mailing itself: how to leave it, why it came, where else to read it.
MAILING = Sign(
    # leaving, preferences
    r"unsubscri|opt[- ]out|(?:cancel|manage|change|update)[^.]{0,30}(?:subscription|preference|"
    r"(?:e-?mail )?(?:address|settings))|(?:e-?mail|notification) "
    r"(?:preferences|settings)|stop (?:receiving|getting)|no longer (?:wish|want|"
    r"like) to (?:receive|hear|get)|remove (?:me|yourself)|take (?:me|"
    r"your (?:e-?mail )?address) off",
    r"abmelde|abbestell|austragen|newsletter[- ]?einstellungen|profil (?:ändern|aktualisieren)|"
    r"keine (?:weiteren )?(?:e-?mails|newsletter)|in zukunft nicht mehr",
    r"désinscri|désabonn|se désengager|ne plus recevoir|gérer (?:vos|mes|votre) (?:préf|abonn)",
    r"darse de baja|cancelar (?:la |su |tu )?suscripci|anular (?:la |su )?suscripci|no desea[sr]? "
    r"(?:recibir|seguir)|cancelar (?:a |sua )?(?:inscri|assinatura|subscri)|descadastr|"
    r"deixar de receber|disiscri|cancella(?:re|ti)[^.]{0,20}iscrizione|uitschrijven|afmelden|"
    r"avregistrer|avprenumerera|afmeld|wypisz|отписаться|отказаться от рассылки",
    r"退订|取消订阅|退閱|取消訂閱|配信停止|購読解除|수신\s?거부|구독\s?취소|إلغاء الاشتراك",
    # why it came
    r"(?:you(?:'re|’re| are)|you) (?:(?:are )?(?:receiving|getting)|(?:have )?received|"
    r"got) th(?:is|ese)"
    r"|(?:this|the) (?:e-?mail|message|newsletter) (?:was|is|has been) (?:sent|delivered|intended)"
    r"|(?:because|since) you[^.]{0,60}(?:subscri|signed up|opted|registered|member)"
    r"|(?:was|were|been) forwarded (?:this|to you)|forwarded (?:this|to you)[^.]{0,40}(?:sign|"
    r"subscri)"
    r"|add (?:us|[^\s]+@[^\s]+) to your (?:address book|contacts|safe)"
    r"|(?:primary|main) (?:inbox|folder|tab)"
    r"|(?:do not|don(?:'|’)t) reply to this (?:e-?mail|message)",
    r"sie (?:erhalten|bekommen) diese|du (?:erhältst|bekommst) diese|diese (?:e-?mail|nachricht) "
    r"(?:wurde|ging|geht) an|weil (?:sie|du)[^.]{0,60}(?:angemeldet|abonniert|registriert|"
    r"eingetragen)",
    r"vous (?:recevez|avez reçu) (?:ce|cet)|(?:cet|ce) (?:e-?mail|message|courriel) (?:a été|est)",
    r"(?:recibe[s]?|ha[s]? recibido|está[s]? recibiendo) este (?:correo|e-?mail|mensaje)|"
    r"(?:recebe[u]?|está recebendo) est[ea] (?:e-?mail|mensagem)|您收到(?:此|这)|你收到(?:此|这)",
    # that it begins
    r"thank(?:s| you) for (?:signing up|subscribing)|confirm your (?:subscription|e-?mail)|"
    r"newsletter abonniert|bestätigen sie (?:bitte )?ihre|merci de vous être (?:abonné|inscrit)|"
    r"gracias por suscribir|obrigad[oa] por (?:assinar|se inscrever)|感谢您?(?:的)?订阅",
    # where else to read it
    r"\b(?:view|read|open|see|display)\b[^.]{0,30}\b(?:in|on|as)\b[^.]{0,12}\b(?:browser|web|"
    r"online|"
    r"app)\b|"
    r"(?:view|read|open) (?:it |this )?(?:email |mail |post )?online|web(?:-| )?version|"
    r"online version|"
    r"(?:trouble|problems?|difficult\w*|not) (?:viewing|reading|displaying|displayed)|"
    r"(?:have|having) (?:trouble|problems)[^.]{0,20}click|"
    r"can(?:'|’)t (?:see|read|view) this",
    r"im browser|webansicht|online-?version|nicht (?:richtig|korrekt) (?:angezeigt|dargestellt)|"
    r"nicht lesen können|webseitenansicht",
    r"(?:voir|lire|afficher|consulter|visualiser)[^.]{0,30}(?:navigateur|en ligne)|"
    r"version en ligne",
    r"(?:ver|leer|abrir)[^.]{0,30}(?:navegador|en línea|online|no navegador)|在浏览器中|在線閱讀|"
    r"网页版|ブラウザで|웹에서 보기",
)

# Law, address, imprint.
LEGAL = Sign(
    r"©|\(c\) ?(?:19|20)\d\d|copyright\W{0,3}(?:\(c\)|\d{4}|by\b)|"
    r"all rights reserved|alle rechte|tous droits|todos los derechos|todos os direitos|"
    r"版权所有|版權所有|著作権|"
    r"privacy (?:policy|notice|statement)|terms of "
    r"(?:use|service)|terms (?:and|&) conditions|terms apply",
    r"datenschutz|impressum|geschäftsführ|amtsgericht|handelsregister|ust-?id|umsatzsteuer|"
    r"steuernummer|registergericht|vertretungsberechtigt|aufsichtsrat|v\.i\.s\.d|herausgeber\b",
    r"politique de confidentialité|mentions légales|cnil\b|rcs\b|política de privacidad|"
    r"aviso legal|"
    r"política de privacidade|隐私政策|プライバシーポリシー",
    r"paid for by|not tax[- ]deductible|(?:not|are) (?:\w+ ){0,3}deductible|registered (?:charity|"
    r"office|in england)|company (?:no|number)|mailing address|our address|p\.? ?o\.? box",
    r"^\W*(?:published|sent|powered) by|disclaimer|haftungsausschluss|免责声明|(?:bulk|"
    r"commercial) e-?mail|issn\b|"
    r"trademarks?\b|legal (?:notice|notices|disclaimer)",
    r"(?:advertise|partner) with us|(?:become|to) (?:a )?sponsor|sponsorship:|get listed here|"
    r"mediadaten",
)

# Asking to pass it on, follow, like.
SHARE = Sign(
    r"^(?:share|tweet|like|comments?|restack|forward|pin|follow|subscribe|print|e-?mail)"
    r"(?:\W+(?:share|tweet|like|comments?|restack|forward|pin|follow|this|on|with|us|post|it|a|to|"
    r"friends?|e-?mail|facebook|twitter|x|linkedin|whatsapp|instagram|and))*\W*$",
    r"share (?:this|the|it|with|via|on)\b|forward (?:this|to a) |tell a friend|"
    r"refer a friend|pass (?:it|this) on|send (?:it|this)[^.]{0,15} to a friend|"
    r"invite a friend|spread the word|follow (?:us|me)\b|find us on|connect with us|join us on|"
    r"like us on|(?:read|open)[^.]{0,40} in the app|listen to posts|get app\b",
    r"weiterempf|weiterleiten|teilen sie|folgen sie|folge uns|jetzt teilen|partage[rz]|"
    r"suivez[- ]nous|"
    r"comparte|síguenos|sigue a|compartilh|siga-nos|分享(?:给|到)|关注我们|シェア|フォロー",
    r"^\W*(?:click here to )?(?:subscribe to|sign up for) (?:my|our|the|this|e-?mail) "
    r"(?:\w+ ){0,2}(?:e-?)?(?:newsletters?|updates)|"
    r"\breferrals?\b|copy (?:and|&) paste|know someone who|enjoy(?:ing|ed)? (?:the|"
    r"this)[^.]{0,25}(?:read|newsletter|issue|post)\W|"
    r"support (?:\w+ )?(?:us|our work|our sponsors|this newsletter)\b",
    r"(?:what|how)(?: did|(?:'|’)d) you (?:think|like)|how (?:are|did) we do|rate (?:this|today)|"
    r"got feedback|your feedback|we(?:'|’)d love (?:your feedback|to hear)|hit reply",
    r"wie hat (?:dir|ihnen|euch)[^.]{0,40}gefallen|qu(?:'|’)avez-vous pensé|qué te ha? ?pareci|"
    r"o que (?:você )?"
    r"achou|你觉得|(?:view|browse)[^.]{0,40}archive|past (?:issues|editions)|sign up (?:here|"
    r"for more|for free)",
)
SOCIAL = re.compile(
    r"^\W*(?:(?:facebook|fb|twitter|x|instagram|linked-?in|youtube|tiktok|pinterest|whatsapp|"
    r"telegram|"
    r"threads|mastodon|bluesky|reddit|rss|xing|snapchat|flickr|tumblr|medium|spotify|vimeo|weibo|"
    r"wechat|line|website|web|e-?mail|logo|icon|like|share|tweet|comment|restack|forward|"
    r"follow|us|on|"
    r"teilen|partager|compartir)\b\W*)+$",
    re.I,
)

# Head of a forwarded message.
FORWARDED = re.compile(
    r"^\W*(?:-{2,}.*(?:forward|weitergeleitet|original|transféré|reenviad|encaminhad|转发)|"
    r"(?:begin )?forwarded message|(?:from|von|de|date|datum|sent|gesendet|envoyé|fecha|data|"
    r"subject|"
    r"betreff|objet|asunto|assunto|to|an|à|para|cc|reply-to|发件人|日期|主题|收件人)\s?[:：]\s?\S)",
    re.I,
)

SUBJECT = re.compile(r"^\W*(?:subject|betreff|objet|asunto|assunto|主题)\s?[:：]\s*(.+)", re.I)

SPONSOR = Sign(
    r"\bsponsor(?:ed|s|ing)?\b(?! of (?:the )?(?:bill|act))|advertis(?:ement|ing|ed)|"
    r"\bpromot(?:ed|ion)\b|"
    r"\bpartner content|in partnership with|paid (?:partnership|content|post)|presented by|"
    r"brought to you by|together with|our partners?\b|made possible by|\bads?\b(?!-)",
    r"(?:issue|brief|edition|episode|newsletter|letter)\b[^.]{0,30}\b(?:supported|powered) by",
    r"\b(?:anzeige|werbung)\b|gesponsert|in kooperation mit|präsentiert von",
    r"publicité|sponsorisé|annonce\b|en partenariat avec|parrainé",
    r"publicidad|patrocin|anuncio|publicidade|conteúdo pago|pubblicità|advertentie|reklam",
    r"广告|廣告|赞助|贊助|推广|スポンサー|広告|광고|реклама",
)
JOB = Sign(
    r"\bjobs?\b|help wanted|hiring|careers?\b|vacanc(?:y|ies)|we(?:'|’)re looking for|"
    r"job openings?|"
    r"volunteers?\b|internships?\b|open positions?",
    r"stellenangebot|stellenanzeige|offene stellen|karriere|\bjobs\b|ausschreibung|praktikum|"
    r"freiwilligendienst|ehrenamt",
    r"offres? d(?:'|’)emploi|recrut|emplois?\b|empleos?\b|vacantes?\b|trabajo[s]?\b|vagas?\b|"
    r"empregos?\b",
    r"招聘|职位|職缺|求人|採用|채용|вакансии",
)
EVENT = Sign(
    r"\bevents?\b|calendar|webinars?\b|meet-?ups?\b|conference|workshops?\b|what(?:'|’)s on|"
    r"around town",
    r"veranstaltung|termine?\b|kalender|événement|agenda\b|evento[s]?\b|eventi\b|calendario|"
    r"活动|活動|日程|イベント|행사|мероприят",
)
POLL = Sign(
    r"\bpolls?\b|survey|questionnaire|\bvote:|cast your vote|umfrage|abstimm|sondage|encuesta|"
    r"enquete|pesquisa\b|sondaggio|投票|调查|調查|アンケート|설문",
)
APPEAL = Sign(
    r"donat(?:e|ion)|chip in|pitch in|contribut(?:e|ion)|sign (?:the|our|this) petition|"
    r"add your name|"
    r"petition\b|become a member|support our",
    r"spende|petition unterschreiben|faites un don|faire un don|signez|dona(?:r|ción|ções|ção)\b|"
    r"firma la petición|doe\b|捐款|捐赠|请愿|寄付|기부|пожертв",
)
PRODUCT = Sign(
    r"(?:[$€£¥]\s?\d[\d.,]*|\d[\d.,]*\s?(?:€|£|eur\b|usd\b))(?![\d.,]*\s?(?:[mbk]\b|million|"
    r"billion|mio|mrd|"
    r"bn))|\d+ ?% (?:off|rabatt|de descuento|de réduction|de desconto)|add to cart|buy now|"
    r"shop now|"
    r"order now|jetzt kaufen|in den warenkorb|ajouter au panier|立即购买|加入购物车|購入",
)

# How a button or a trailing link to the whole story begins.
MORE = Sign(
    r"\W*(?:read|learn|find out|view|see|get|watch|listen|continue|click|visit|register|sign|rsvp|"
    r"apply|download|shop|book|join|subscribe|donate|give|chip in|pitch in|contribute|add your|"
    r"start|try|buy|order|take|"
    r"share|support|check|explore|discover|more|full|here|story here|details|vote|respond|reply)\b",
    r"\W*(?:weiter\w*|mehr|lesen|ansehen|erfahren|hier|zum|zur|jetzt|anmelden|ansehen|anzeigen|"
    r"teilnehmen|spenden|bestellen|abonnieren)\b",
    r"\W*(?:lire|la suite|en savoir|voir|découvr\w*|je |cliquez|ici|s'inscrire|leer|"
    r"seguir leyendo|más|"
    r"ver|saber|saiba|leia|mais|aquí|aqui|clique|haz clic|continua|leggi|lees|läs)\b",
    r"\W*(?:阅读|查看|更多|全文|详情|点击|立即|続き|詳細|もっと|"
    r"더 ?보기|자세히|читать|подробнее|далее)",
    r".{0,40}(?:»|→|›|>>|➔|➜|▸)\W*$",
)

# A linked sentence that asks the reader to act.
CALL = Sign(
    r"click (?:here|below|this)|\bhere\b\W*$|chip in|pitch in|donat(?:e|ion)|contribut(?:e|ion)|"
    r"add your name|"
    r"sign (?:the|our|this|up|here|on)|take (?:the|our|this|a (?:quick )?)(?:survey|poll|"
    r"action)|rsvp|"
    r"confirm your|rush (?:a|your)|will you\b|can you\b|(?:please|now) (?:make|give|join)",
    r"hier klicken|klicken sie|jetzt (?:spenden|anmelden|teilnehmen|unterschreiben)|spenden sie|"
    r"cliquez|faites un don|je (?:donne|signe|participe)|haga clic|haz clic|dona (?:ahora|"
    r"aquí)|firma (?:ya|"
    r"aquí)|clique aqui|doe agora|assine|点击这里|立即捐|ここをクリック",
)
SUM = re.compile(r"(?:[$€£]\s?\d[\d,.]*|\d[\d,.]*\s?[€£])\W*$")
BYLINE = re.compile(r"^\W*(?:by|von|par|por|di|door|av|作者|文)[:：]?\s+\S", re.I)

GREETING = Sign(
    r"^\W*(?:dear|hi|hey|hello|good (?:morning|afternoon|evening|day)|greetings|happy \w+day|"
    r"friends?|"
    r"welcome)\b",
    r"^\W*(?:liebe[rs]?|hallo|guten (?:morgen|tag|abend)|sehr geehrte|moin|servus|grüezi)\b",
    r"^\W*(?:bonjour|bonsoir|cher|chère|chers|salut)\b|^\W*(?:hola|estimad[oa]s?|querid[oa]s?|"
    r"buen[oa]s)\b",
    r"^\W*(?:olá|oi|car[oa]s?|prezad[oa]s?|bom dia|boa (?:tarde|noite))\b|^(?:ciao|beste|hej|"
    r"buongiorno)\b",
    r"^(?:亲爱的|尊敬的|大家好|各位|你好|您好|早上好|皆さん|こんにちは)",
)
FAREWELL = Sign(
    r"^\W*(?:(?:we|i) )?look(?:ing)? forward to|"
    r"^\W*(?:\w+,? ){0,2}that(?:'|’)s (?:it|all|a wrap)\b|^\W*(?:best|regards|best regards|"
    r"kind regards|warm(?:ly| regards)|sincerely|cheers|thanks|thank you|"
    r"yours|love|see you|until next|talk soon|take care|in solidarity|"
    r"have a (?:great|good|nice)|thanks for reading|all the best|onward|happy \w+ing)\b",
    r"^\W*(?:herzlich|(?:mit )?(?:freundlichen|besten|herzlichen|vielen|"
    r"vertrauensvolle)\w* (?:grüßen?|dank)|"
    r"viele grüße|liebe grüße|beste grüße|ihr(?:e)? |bis (?:bald|zum nächsten|nächste)|danke|"
    r"das war(?:'s| es))\b|^herzlichst",
    r"^\W*(?:cordialement|bien à vous|à bientôt|merci|amitiés|saludos|un saludo|hasta|gracias|"
    r"atenciosamente|"
    r"abraços?|até|obrigad[oa])\b|^(?:此致|敬上|祝好|谢谢|感谢)",
)
POSTSCRIPT = re.compile(r"^\W*p\W{0,2}(?:p\W{0,2})?s\b", re.I)
ADDRESS = re.compile(
    r"\b[A-Z]{2}\.? {0,2}\d{5}(?:-\d{4})?\b|\b\d{4,5} [A-ZÄÖÜ][a-zäöüß]+|\b[A-Z]{1,2}\d{1,2}[A-Z]? "
    r"\d[A-Z]{2}\b|\b(?:suite|ste\.?|floor|street|straße|strasse|str\.|avenue|ave\.?|blvd|"
    r"p\.?o\.? box|"
    r"rue|calle|road|rd\.)\b[ .,#]*\d?|^\W*(?:tel|fon|fax|phone|t|f|e)\b\.?:? *[+(]?\d|"
    r"\+\d\d[ \d()/-]{7,}",
    re.I,
)
