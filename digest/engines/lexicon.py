"""The words the degraded mode knows: a few per domain, and how organisations are called."""


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem.strip() for stem in text.split(","))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Domain -> its usual relevance to a reader who follows AI and technology, and the stems that
# speak for it. A stem matches at the start of a word, one of up to three letters a whole word.
DOMAINS: dict[str, tuple[int, tuple[str, ...]]] = {
    "artificial intelligence": (
        9,
        _stems(
            "ai, artificial intelligence, llm, chatbot, gpt, openai, anthropic, deepmind, "
            "neural, agentic, generative, claude, gemini, language model"
        ),
    ),
    "machine learning": (
        9,
        _stems(
            "machine learning, fine-tun, training data, benchmark, transformer, "
            "inference, embedding, pytorch, dataset, reinforcement learning"
        ),
    ),
    "robotics": (7, _stems("robot, humanoid, drone, autonomous")),
    "semiconductors": (7, _stems("semiconductor, chip, gpu, nvidia, tsmc, wafer, processor")),
    "software engineering": (
        7,
        _stems(
            "software, developer, code, coding, programm, compiler, debug, api, refactor, "
            "devops, kubernetes, python, javascript, rust, typescript"
        ),
    ),
    "open source": (7, _stems("open source, open-source, github, linux, apache, gnu")),
    "cloud computing": (7, _stems("cloud, aws, azure, serverless, data center, datacenter")),
    "data engineering": (7, _stems("database, sql, postgres, warehouse, pipeline, analytics")),
    "web development": (6, _stems("browser, css, html, frontend, web app, website")),
    "cybersecurity": (
        6,
        _stems("malware, ransomware, vulnerab, hacker, phishing, cve-, exploit, breach"),
    ),
    "privacy": (5, _stems("privacy, surveillance, gdpr, personal data, encryption")),
    "space": (5, _stems("nasa, spacecraft, satellite, rocket, orbit, spacex, telescope")),
    "science": (5, _stems("scientist, physic, quantum, researchers, laborator, experiment")),
    "biotechnology": (5, _stems("gene, protein, crispr, biotech, genom")),
    "startups": (5, _stems("startup, venture capital, seed round, series a, founder")),
    "business": (4, _stems("company, revenue, ceo, acqui, merger, profit, customers")),
    "health": (3, _stems("health, hospital, patient, disease, vaccin, medic, cancer")),
    "energy": (3, _stems("energy, solar, battery, nuclear, electricity, oil")),
    "climate": (3, _stems("climate, emission, carbon, warming, wildfire")),
    "transport": (3, _stems("vehicle, railway, airline, airport, traffic, electric car")),
    "finance": (3, _stems("bank, stock, investor, inflation, interest rate, fund, shares")),
    "law": (2, _stems("court, lawsuit, judge, legal, attorney, supreme court")),
    "politics": (
        2,
        _stems("election, president, senat, parliament, congress, minister, vote, party"),
    ),
    "military": (2, _stems("military, army, troops, missile, navy, soldier, weapon")),
    "education": (2, _stems("school, student, universit, teacher, education, curriculum")),
    "sports": (1, _stems("football, match, league, olympi, coach, championship, tournament")),
    "culture": (1, _stems("film, music, novel, museum, theatre, album, artist")),
    "food": (1, _stems("recipe, restaurant, cooking, kitchen, flavour, flavor")),
    "travel": (1, _stems("hotel, tourist, travel, trip, beach")),
}

# Words that end, or stand in, the name of a business or lab.
ORGANISATION = _words(
    "inc corp corporation ltd llc gmbh ag plc co company labs technologies systems bank group "
    "holdings motors airlines airways ventures capital pharmaceuticals pharma networks "
    "semiconductor electronics industries studios robotics robotaxi deepmind"
)

# Words that are capitalised at the start of a sentence, or in dates, and name nothing.
ORDINARY = _words(
    "a about according after all also although an and any are as at because before both but by "
    "can do does during each even every few first for from had has have he her here his how "
    "however i if in instead is it its just last later let like many may maybe meanwhile more "
    "most much my new next no not now of on once one only or other our over perhaps please she "
    "since so some soon still such than that the their then there these they this those though "
    "three through thus to today tomorrow tonight two under until was we were what when where "
    "whether which while who why will with would yes yesterday yet you your monday tuesday "
    "wednesday thursday friday saturday sunday january february march april june july august "
    "september october november december mr mrs ms dr"
)

# Lower-case words that may stand inside a name.
LINKS = _words("of de la du da del di van von der den al bin & for")
