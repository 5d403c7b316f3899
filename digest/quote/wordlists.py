"""The closed lists of words that the features of a sentence look for, lower case.

Weighed by the fit, so a word too many or a language too few does no harm by itself.
"""


def _words(several: str) -> frozenset[str]:
    return frozenset(several.split())


# Function words, which tell nothing of what a sentence is about.
STOP = _words(
    "the a an of to in and is are was were be been for on with as by at from that this it its "
    "or not has have had but he she they his her their i you we my our your will would can "
    "could which who what when where how than then there also more about into over after before "
    "up out so if no do does did them him us me all some one any other these those de la le les "
    "des et en un une du que el los las y o e da dos das em um uma para com não por der die und "
    "ist von zu den mit im ein eine auf für nicht sich dem il di che per è"
)
# The writer speaks of himself.
FIRST = _words(
    "i i'm i've i'll i'd me my mine we we're we've we'll us our ours ich wir mich mein unser eu "
    "nós meu nosso je nous mon notre yo nosotros mi nuestro"
)
# The reader is spoken to.
SECOND = _words("you your you're you'll you've yours você vocês vous votre usted ustedes")
# Words that point back.
ANAPHOR = _words(
    "he she it they his her its their him them this that these those such former latter"
)
# First words that stand for somebody named before.
PRONOUN = _words(
    "he she it they his her its their him them ele ela eles elas il elle ils elles er es él ella"
)
# First words that point at what was said before.
POINTING = _words(
    "this that these those such here there esse essa isso este esta isto ce cette ces dies "
    "diese dieser dieses das"
)
# First words that join to what was said before.
CONNECTIVE = _words(
    "but however and also so yet or then thus therefore meanwhile moreover furthermore "
    "additionally nevertheless instead still though although because besides otherwise "
    "similarly likewise hence finally mas porém e além entretanto mais et aber und doch pero y"
)
# First words of a clause or adverbial that leads in.
LEADING = _words(
    "while when if as after since once before in on at for with by to from em no na dans en im "
    "am bei"
)
# Verbs that give a statement its speaker.
SAYING = _words(
    "said says say told tells announced announces according reported reports stated added "
    "explained noted warned claimed confirmed asked wrote disse afirmou segundo dijo selon "
    "sagte laut zufolge"
)
# Words of buttons, captions and credits.
MAILING = _words(
    "subscribe sign click read register follow newsletter unsubscribe sponsor sponsored photo "
    "image caption credit copyright cookies share comments podcast learn check join email "
    "contact related source via ©"
)
