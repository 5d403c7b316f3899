"""Text that addresses a machine that reads along: an assistant, a model, a summariser.

Such sentences are left out of a digest and counted. What tells them from news about models,
assistants and such attacks is that they command or call: the words stand where a sentence speaks
for itself, not in a quotation that somebody reports. It finds known wordings in eleven languages,
also disguised ones; a new wording passes, and does no harm, since a digest only quotes.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

from digest.quote.sentences import Sentence, plain

# LOOKED_AT: characters of a sentence. CODED: characters of a run that may hide base64.
LOOKED_AT, CODED = 4000, 16

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
_TAGS = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}
_TWINS = str.maketrans(
    "АВЕКМНОРСТУХаеорсухіјѕԁɡΑΒΕΖΗΙΚΜΝΟΡΤΥΧοτκɑ", "ABEKMHOPCTYXaeopcyxijsdgABEZHIKMNOPTYXotka"
)
_SPACED = re.compile(r"(?<!\w)\w(?:[ .\-_·*]\w){4,}(?!\w)")
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{CODED},}}={{0,2}}")
_LEET = str.maketrans("013457@$", "oieastas")

_MACHINE = (
    r"(?:a\.?i\.?s?|llms?|(?:large )?language models?|chat ?bots?|bots?|assistants?|"
    r"summari[sz]ers?|"
    r"crawlers?|agents?|(?:chat)?gpt|claude|gemini|copilot|models?|machines?|"
    r"(?:ai|llm|automated|language) (?:systems?|models?|assistants?|agents?|tools?|"
    r"summari[sz]ers?|readers?|bots?))"
)
_NO_PERSON = (
    r"(?![ -](?:developers?|engineers?|researchers?|scientists?|compan(?:y|ies)|teams?|users?|"
    r"builders?|"
    r"fans?|startups?|labs?|experts?|enthusiasts?|leaders?|makers?|vendors?|founders?|skeptics?|"
    r"sceptics?|"
    r"professionals?|students?|practitioners?|policy|regulat\w+|industry|world|community|railway|"
    r"trains?))"
)
_BEGINS = (
    r"(?:\A|(?<=[:;.!?,—–\-\]})>»”\"*#|/])\s*|(?<=please )|(?<=now )|(?<=and )|(?<=then )|"
    r"(?<=must )|(?<=should ))"
)
_OLD = (
    r"(?:previous|prior|above|preceding|earlier|former|existing|system|initial|original|other|"
    r"safety|"
    r"past|current)"
)
_ORDERS = (
    r"(?:instruction|prompt|direction|rule|guideline|command|message|constraint|order|directive|"
    r"context)s?"
)
_ENGLISH = (
    rf"(?:note|notice|message|instructions?|attention|reminder|important|hint|memo|warning|"
    rf"request|p\.?s\.?a?)(?: to| for|:)? (?:(?:any|all|the|every|an?|your|other|of) "
    rf")*{_MACHINE}\b{_NO_PERSON}"
    r"(?=\s*(?:[:,;.!—–-]|\Z|reading|that|which|who|when|if|summar|process|crawl|scrap|index|"
    r"pars|analy|and\b|or\b))",
    rf"(?:dear|hey|hello|hi|attention|ok(?:ay)?|yo),? (?:any |all |my "
    rf")?{_MACHINE}(?:\s*[,:!]\s*(?:please|if|note|"
    r"ignore|disregard|forget|rate|score|rank|say|tell|do not|don['’]t|when|summar|include|"
    r"mention|you\b|your|this is|"
    r"always|never|make sure|remember|stop|respond|reply|write|i (?:need|want|am))|\s+(?:reading|"
    r"summari|process))",
    rf"(?:if|when|since|as|because) you(?:['’]re| are| happen to be) (?:an? |the |any "
    rf")?{_MACHINE}\b{_NO_PERSON}"
    r"(?=\s*(?:[:,;.!—–-]|\Z|reading|that|which|who|summar|process|and\b|or\b|asked))",
    rf"(?:to )?(?:(?:any|all|every|whichever) )?{_MACHINE}s? (?:that (?:is |are |may be )?|now |"
    rf"currently )?"
    r"(?:reading|summari[sz]ing|processing|parsing|crawling|scraping|ingesting) (?:this|the "
    r"following)\b",
    rf"(?:please )?(?:ignore|disregard|forget|override|bypass|skip|drop|discard) (?:(?:all|any|"
    rf"the|your|my|"
    rf"everything|every|of|these|those) )*{_OLD} (?:\w+ ){{0,2}}{_ORDERS}\b(?! \d)",
    r"(?:please )?(?:ignore|disregard|forget) (?:all (?:of )?)?(?:your (?:instructions|rules|"
    r"guidelines|"
    r"training|prompt)|everything (?:above|before|you (?:were|have been) told)|(?:the|all|"
    r"everything) above)",
    r"(?:system|assistant|developer|user|ai|model) ?(?:prompt|message|note|"
    r"override)?\s*:\s*(?:you (?:are|must|"
    r"will|should)|please |rate|score|respond|reply|ignore|disregard|output|say|write|summar|"
    r"always|do not|don['’]t|"
    r"never|print|return|repeat|include|mention|add|rank|mark|give|tell|this (?:item|article|"
    r"story|text) is|"
    r"sure|okay|of course)",
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|"
    r"\[/?INST\]|<</?SYS>>|"
    r"</?(?:system|assistant)>|###? ?(?:system|instructions?|assistant|response) ?:",
    r"(?:please )?(?:rate|score|rank|grade|mark|give|label) (?:this|it|the) ?(?:\w+ ){0,4}?(?:as "
    r"|with |an? |the )*"
    r"(?:\w+ )?(?:\w+ ){0,3}?(?:of )?(?:10\b|ten\b|10/10|highest|maximum|top (?:score|relevance|"
    r"marks)|"
    r"most relevant|highly relevant)",
    r"(?:please )?(?:include|mention|add|insert|put|repeat|write|say|state|use|place|output) "
    r".{0,80}\bin (?:your|the|any|"
    r"every|each) (?:summary|digest|output|response|answer|headline|reply|highlights?)\b",
    r"in (?:your|any|every) (?:summary|digest|output|response|answer),? (?:please |you (?:must|"
    r"should) |always |"
    r"do not |don['’]t |never |only |be |say|include|mention|state|write|add|recommend|describe|"
    r"call|rate)",
    r"(?:your|any|every) (?:summary|digest|output|response|answer) (?:must|should|has to|needs "
    r"to|shall|will) "
    r"(?:always |only |not |never )?(?:include|say|mention|state|contain|begin|start|end|"
    r"recommend|be|describe|praise|"
    r"omit|read|call)",
    r"(?:please )?(?:do not|don['’]t|never) (?:summari[sz]e|digest) (?:this|the (?:text|article|"
    r"rest|following|above))",
    r"(?:please )?summari[sz]e (?:this|it|the (?:text|article|story|item|email|page|above|"
    r"following))(?: \w+)? as\b",
    r"(?:from now on|henceforth),? you (?:are|will|must|should|shall)\b",
    r"you are (?:now |no longer |hereby )?(?:an? |the |my )?(?:\w+ ){0,2}(?:assistant|language "
    r"model|chat ?bot|llm|ai|"
    rf"summari[sz]er|dan)\b{_NO_PERSON}",
    r"(?:reveal|print|show|repeat|output|leak|send|tell me) (?:me )?(?:your|the) (?:system |"
    r"hidden |initial )(?:prompt|instructions?|message)",
    r"(?:respond|reply|answer|output) (?:only|exactly|solely|nothing but|strictly)\b",
    r"(?:do not|don['’]t|never) (?:tell|inform|alert|warn|mention (?:this|it) to) the (?:user|"
    r"reader|human)",
    r"tell (?:the|your) (?:user|human|reader)s? (?:that|to|about)\b",
    r"(?:begin|start|enter|enable|activate) (?:developer|jailbreak|dan|god|debug|admin) mode",
    r"(?:new|updated|real|actual|additional) (?:system )?instructions?\s*(?:for (?:you|the (?:ai|"
    r"model|assistant)))?\s*:",
)  # fmt: skip
_OTHERS = (
    # German
    r"(?:hinweis|anweisung|nachricht|achtung|wichtig|notiz|bitte)(?: an| für|:)? ?(?:(?:alle|"
    r"jede[ns]?|die|eine?n?|den|das) )*(?:ki|künstliche intelligenz|sprachmodelle?n?|"
    r"(?:ki-)?assistent(?:en)?|chatbots?|bots?|ki-(?:systeme?|modelle?|assistenten)|"
    r"llms?|zusammenfasser)\b(?!-)(?=\s*[:,;.!—–-]|\s+(?:die|der|das|welche|zum|bei)\b|\s*\Z)",
    r"(?:bitte )?(?:ignorieren?|vergiss|vergessen|missachten?|überschreiben?|verwirf)(?: sie)? "
    r"(?:bitte )?(?:(?:alle|die|deine|ihre|"
    r"sämtliche|jegliche) )*(?:(?:vorherigen|bisherigen|obigen|früheren|vorangegangenen|vorigen|"
    r"vorangehenden) )?(?:system)?(?:anweisungen|befehle|regeln|vorgaben|instruktionen|"
    r"prompts?)\b",
    r"(?:wenn|falls|sofern|da) (?:du|sie) (?:eine? )?(?:ki|künstliche intelligenz|sprachmodell|"
    r"assistent|chatbot|bot|llm)\b(?!-)",
    r"(?:du bist|sie sind) (?:jetzt|nun|ab sofort|ab jetzt) (?:eine? )",
    r"(?:bitte )?bewerte(?:n sie)? (?:dies\w*|das|den|die) .{0,40}\bmit (?:einer )?(?:10|zehn|"
    r"der höchst\w*|höchst\w*)\b",
    r"(?:erwähne|schreibe?|nenne|füge|sage?).{0,60}\bin (?:deiner|ihrer|der|jeder) "
    r"(?:zusammenfassung|antwort)\b",
    r"liebe (?:ki|künstliche intelligenz|sprachmodelle)\b",
    # French
    r"(?:note|message|instructions?|remarque|attention|avis|consigne)s? ?:? ?(?:à|pour|aux?|"
    r"destinée?s? (?:à|aux))? ?(?:l['’]attention (?:de|des) )?(?:(?:toute?s?|tous|les?|la|une?|"
    r"des|de|l['’]) ?)*(?:ia|intelligences? artificielles?|modèles? de langage|assistants?|"
    r"chatbots?|"
    r"robots?|llms?)\b(?=\s*[:,;.!—–-]|\s+(?:qui|lisant|résumant|chargé)|\s*\Z)",
    r"(?:ignore[zr]?|oublie[zr]?|ne (?:tiens|tenez) pas compte(?: de| des)?) (?:(?:toutes?|les|"
    r"tes|vos|ces|des|de) )*(?:instructions|"
    r"consignes|directives|règles|ordres|messages)\b",
    r"si (?:tu es|vous êtes|t['’]es) (?:une? )?(?:ia|intelligence artificielle|modèle de langage|"
    r"assistant|chatbot|robot|llm)\b",
    r"dans (?:ton|votre) résumé\b",
    r"(?:tu es|vous êtes) (?:maintenant|désormais|à présent) ",
    r"(?:note|évalue|attribue)[rz]? .{0,40}\b(?:10|dix)(?:/10| sur (?:10|dix))",
    # Spanish
    r"(?:nota|mensaje|instrucci[oó]n(?:es)?|aviso|atenci[oó]n|importante) ?:? ?(?:para|a)? "
    r"?(?:(?:cualquier|todas?|todos|las?|los|el|una?) )*(?:ia|inteligencias? artificial(?:es)?|"
    r"modelos? de lenguaje|asistentes?|chatbots?|bots?|llms?)\b(?=\s*[:,;.!—–-]|\s+(?:que|al)\b|"
    r"\s*\Z)",
    r"(?:ignora|ignore|ignorad|olvida|olvide|descarta|descarte|haz caso omiso de) (?:(?:todas?|"
    r"todos|las|tus|sus|los|de) )*(?:instrucciones|"
    r"indicaciones|reglas|órdenes|mensajes|directrices)\b",
    r"si (?:eres|es usted) (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje|asistente|"
    r"chatbot|bot|llm)\b",
    r"en (?:tu|su) resumen\b",
    r"(?:ahora|a partir de ahora) eres ",
    r"(?:califica|califique|puntúa|valora|punt[uú]e) .{0,40}\b(?:10|diez)\b",
    # Portuguese
    r"(?:nota|mensagem|instruç(?:ão|ões)|aviso|atenção|importante) ?:? ?(?:para|a|às?|aos?)? "
    r"?(?:(?:qualquer|todas?|todos|as?|os?|uma?) )*(?:ia|inteligências? artificia(?:l|is)|"
    r"modelos? de linguagem|assistentes?|chatbots?|bots?|robôs?|llms?)\b(?=\s*[:,;.!—–-]|"
    r"\s+que\b|\s*\Z)",
    r"(?:ignore|ignora|ignorem|esqueça|esquece|desconsidere|descarte) (?:(?:todas?|todos|as|suas|"
    r"tuas|os|quaisquer) )*(?:instruções|"
    r"orientações|regras|ordens|mensagens|comandos|diretrizes)\b",
    r"se (?:você é|voce e|és|for|você for) (?:uma? )?(?:ia|inteligência artificial|modelo de "
    r"linguagem|assistente|chatbot|robô|bot|llm)\b",
    r"n[oa] (?:seu|teu|sua) (?:resumo|resposta|síntese)\b",
    r"(?:agora|a partir de agora),? você é ",
    r"(?:avalie|classifique|dê|atribua|pontue) .{0,40}\b(?:10|dez)\b",
    # Italian, Dutch
    r"(?:nota|messaggio|istruzion[ei]|avviso|attenzione) ?:? ?(?:per|a|alle?|agli|ai)? "
    r"?(?:(?:qualsiasi|tutt[ei]|ogni|le|gli|i|l['’]|una?) ?)*(?:ia|ai|intelligenz[ae] "
    r"artificial[ei]|modell[oi] linguistic[oi]|assistent[ei]|chatbot|bot|llm)\b(?=\s*[:,;.!—–-]|"
    r"\s+che\b|\s*\Z)",
    r"(?:ignora|ignorate|ignori|dimentica|dimenticate|trascura) (?:(?:tutte|le|tue|i|tuoi|ogni|"
    r"tutti) )*(?:istruzioni|regole|direttive|"
    r"ordini|messaggi|comandi)\b",
    r"se sei (?:un['’]?|una |uno )?\s?(?:ia|ai|intelligenza artificiale|modello linguistico|"
    r"assistente|chatbot|bot|llm)\b",
    r"(?:negeer|vergeet) (?:(?:alle|de|je|uw|deze) )*(?:vorige |eerdere |voorgaande |"
    r"bovenstaande )?(?:instructies|opdrachten|regels)\b",
    r"(?:opmerking|bericht|instructie|let op) ?:? ?(?:voor|aan)? ?(?:(?:alle|elke|de|een) "
    r")*(?:ai|taalmodel(?:len)?|assistent(?:en)?|chatbots?|llms?)\b(?=\s*[:,;.!—–-]|\s+die\b)",
    # Russian, Ukrainian
    r"(?:игнорируй(?:те)?|забудь(?:те)?|проигнорируй(?:те)?|не учитывай(?:те)?|ігноруй(?:те)?) "
    r"(?:(?:все|всі|любые|свои|эти) )*(?:предыдущие|прежние|вышеуказанные|предшествующие|"
    r"попередні)? ?(?:инструкции|указания|команды|правила|інструкції|вказівки)",
    r"если (?:ты|вы) ?[—–-]? ?(?:ии|искусственный интеллект|языковая модель|бот|ассистент|"
    r"нейросеть)\b",
    r"(?:примечание|сообщение|инструкция|внимание|указание) ?:? ?(?:для )?(?:(?:всех|любого|"
    r"любой) )*(?:ии|нейросет\w*|языков\w+ модел\w+|"
    r"ассистент\w*|ботов)\b(?=\s*[:,;.!—–-]|\s+котор|\s*\Z)",
)  # fmt: skip
_UNSPACED = (
    # Japanese
    r"(?:以前|これまで|上記|前述|今まで|先ほど|従来|すべて|全て|全部)(?:まで)?の(?:すべての|"
    r"全ての)?(?:指示|命令|プロンプト|ルール|指令|内容)(?:は|"
    r"を)?(?:すべて|全て|全部)?(?:無視|忘れ|破棄)",
    r"(?:読んで|要約して|処理して|解析して)いる(?:全ての|すべての)?(?:ai|人工知能|llm|"
    r"アシスタント|言語モデル|モデル|ボット)"
    r"(?:へ|に|は|の(?:皆|方)|、|：|:|さん)",
    r"(?:\A|[。．.!！?？\s])\W{0,6}(?:すべての|全ての)?(?:ai|人工知能|llm|アシスタント|"
    r"言語モデル|要約ai|要約ツール|aiアシスタント|"
    r"チャットボット)(?:へ|への|に対する|宛て)(?:の)?(?:注意|お願い|指示|メッセージ|注記|連絡|"
    r"警告|お知らせ|[:：、。])",
    r"もし?あなたが?(?:ai|人工知能|言語モデル|アシスタント|llm)(?:なら|であれば|の場合|でしたら)",
    r"あなたは(?:今から|これから)",
    r"(?:要約|ダイジェスト|回答|出力)に(?:は|必ず|は必ず).{0,40}(?:含め|書い|入れ|記載|"
    r"加え)て?(?:ください|下さい|こと|よ)",
    r"(?:この|本)(?:記事|文章|項目|メール)(?:を|に).{0,12}(?:10点|十点|満点|"
    r"最高)(?:.{0,8})(?:評価|付け|つけ)",
    # Chinese
    r"(?:忽略|无视|無視|忘记|忘記|忘掉|不要理会|不要理會)(?:掉)?(?:你)?(?:之前|以上|上述|先前|"
    r"所有|前面|上面|一切|此前)(?:的)?(?:所有|"
    r"一切)?(?:的)?(?:指令|指示|提示词?|命令|规则|規則|内容|內容|要求|说明)",
    r"(?:致|给|給|请|請|提醒)(?:任何|所有|各位|正在)?(?:阅读|閱讀|总结|總結|处理|處理|"
    r"摘要)?(?:本文|此文|这篇文章|這篇文章)?的?"
    r"(?:ai|人工智能|人工智慧|大模型|语言模型|語言模型|机器人|聊天机器人|智能助手|"
    r"ai助手)(?:模型|助手)?(?:注意|请|請|：|:|，|们)",
    r"如果你是(?:一个|一個|一款|一名)?(?:ai|人工智能|人工智慧|语言模型|語言模型|大模型|"
    r"聊天机器人|助手|机器人)",
    r"(?:从现在开始|從現在開始|现在)，?你(?:是|将|必须|要)(?:一个|一個)?",
    r"在(?:你|您)的(?:摘要|总结|總結|回答|回复|输出)(?:中|里|裡)",
    # Korean
    r"(?:이전|위의|앞의|앞선|기존|모든)(?: ?모든)? ?(?:지시|명령|지침|프롬프트|"
    r"규칙)(?:사항)?(?:를|을|은|는)? ?(?:모두 |전부 )?(?:무시|"
    r"잊)",
    r"(?:이 (?:글|기사|메일|텍스트)(?:을|를) )?(?:읽는|요약하는|처리하는) (?:모든 )?(?:ai|"
    r"인공지능|언어 모델|챗봇|어시스턴트)(?:에게|는|여|"
    r",|:)",
    r"만약 당신이 (?:ai|인공지능|언어 모델|챗봇)",
    # Arabic, Hindi
    r"تجاهل (?:جميع |كل )?(?:التعليمات|الأوامر|التوجيهات)",
    r"(?:ملاحظة|رسالة|تعليمات) (?:إلى|لـ?) ?(?:أي |كل |جميع )?(?:ذكاء اصطناعي|الذكاء الاصطناعي|"
    r"نموذج لغوي|نماذج اللغة)",
    r"(?:पिछले|पहले के|उपरोक्त|सभी) (?:सभी )?(?:निर्देशों|आदेशों) को (?:अनदेखा|नज़रअंदाज़|भूल)",
)  # fmt: skip
_CALLS = re.compile(_BEGINS + "(?:" + "|".join((*_ENGLISH, *_OTHERS)) + ")", re.I)
_CALLS_UNSPACED = re.compile("|".join(_UNSPACED), re.I)
_QUOTED = re.compile(r"[\"“„«「『‘]([^\"“”„«»「」『』]{0,600})[\"”“»」』’]")


def addressed_to_machine(words: str) -> bool:
    """Whether `words`, a sentence or a text, speak to a machine that reads them."""
    shown = words[:LOOKED_AT]
    return any(_calls(seen) for seen in _readings(shown))


def addressed(text: str, found: Sequence[Sentence]) -> tuple[bool, ...]:
    """For each sentence of `text` whether it speaks to a machine, or goes on from one that does."""
    out: list[bool] = []
    for n, sentence in enumerate(found):
        goes_on = n > 0 and out[n - 1] and found[n - 1].paragraph == sentence.paragraph
        raw = text[sentence.start : sentence.end]
        out.append(goes_on or addressed_to_machine(plain(raw)) or _marked(raw))
    return tuple(out)


def _marked(raw: str) -> bool:
    """Whether the markup of a sentence hides an address: in a link's title, in an image's text."""
    return any(
        _calls(_fold(part))
        for part in re.findall(r"!\[([^\[\]]{8,400})\]|\"([^\"]{8,400})\"\)", raw)
        for part in part
        if part
    )


def _readings(words: str) -> list[str]:
    """The words as they stand, and without what may disguise them."""
    seen = _fold(words)
    out = [seen]
    if not seen.isascii():
        out.append(seen.translate(_TWINS).casefold())
    if _SPACED.search(seen):
        out.append(_SPACED.sub(lambda m: re.sub(r"[ .\-_·*]", "", m.group()), seen))
    if re.search(r"[a-z][013457@$]|[013457@$][a-z]", seen):
        out.append(seen.translate(_LEET))
    for run in _BASE64.findall(words)[:8]:
        if hidden := _decoded(run):
            out.append(_fold(hidden))
    return out


def _fold(words: str) -> str:
    shown = words.translate(_TAGS)
    if "&" in shown:
        shown = html.unescape(shown)
    if "%" in shown:
        shown = unquote(shown, errors="ignore")
    shown = unicodedata.normalize("NFKC", _HIDDEN.sub("", shown))
    return " ".join(shown.split()).casefold()


def _decoded(run: str) -> str:
    try:
        raw = base64.b64decode(
            run + "=" * (-len(run) % 4), altchars=b"-_" if re.search("[-_]", run) else None
        )
        shown = raw.decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return shown if " " in shown and shown.isprintable() else ""


def _calls(seen: str) -> bool:
    """Whether a call stands in `seen` outside a quotation that somebody reports."""
    spoken = _QUOTED.sub(_told, seen)
    return bool(_CALLS.search(spoken) or _CALLS_UNSPACED.search(spoken))


def _told(quoted: re.Match[str]) -> str:
    """A quotation is left out where words stand around it: then somebody reports it."""
    around = quoted.string[: quoted.start()] + quoted.string[quoted.end() :]
    return " … " if len(re.findall(r"\w", around)) >= 6 else quoted.group()
