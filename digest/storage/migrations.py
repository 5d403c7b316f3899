"""The ledger's numbered migrations. Append only: a released number is never edited.

`user_version` of the SQLite file counts the migrations that were applied.
"""

MIGRATIONS: tuple[str, ...] = (
    # 1: everything a run needs to continue where it stopped
    """
    CREATE TABLE documents (
        id TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        origin TEXT NOT NULL,
        publisher TEXT NOT NULL,
        title TEXT NOT NULL,
        published TEXT,                       -- ISO 8601, UTC; NULL if the content does not say
        url TEXT NOT NULL,
        markdown TEXT NOT NULL,
        hidden_removed INTEGER NOT NULL,
        warnings TEXT NOT NULL,               -- JSON list
        added TEXT NOT NULL
    ) STRICT;
    CREATE INDEX documents_by_date ON documents (coalesce(published, added));

    CREATE TABLE items (
        id TEXT PRIMARY KEY,
        document_id TEXT NOT NULL REFERENCES documents (id),
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        url TEXT NOT NULL,
        href TEXT NOT NULL,
        section TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        UNIQUE (document_id, position)
    ) STRICT;
    CREATE INDEX items_by_content ON items (content_hash);

    CREATE TABLE seen (                       -- raw content that was read, or refused, for ever
        fingerprint TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        origin TEXT NOT NULL,
        document_id TEXT REFERENCES documents (id),
        reason TEXT NOT NULL,                 -- why it was skipped; '' if it was read
        retry INTEGER NOT NULL,               -- 1: our own failing; the next run tries again
        added TEXT NOT NULL
    ) STRICT;

    CREATE TABLE digests (                    -- the cache: one answer per content, model and ask
        content_hash TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt_version TEXT NOT NULL,
        fields TEXT NOT NULL,
        digest TEXT NOT NULL,                 -- JSON object
        provenance TEXT NOT NULL,             -- JSON object
        added TEXT NOT NULL,
        PRIMARY KEY (content_hash, model, prompt_version, fields)
    ) STRICT;

    CREATE TABLE reports (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        period_start TEXT NOT NULL,
        period_end TEXT NOT NULL,
        markdown TEXT NOT NULL,
        html TEXT NOT NULL,
        added TEXT NOT NULL
    ) STRICT;
    CREATE TABLE reported (
        document_id TEXT PRIMARY KEY REFERENCES documents (id),
        report_id TEXT NOT NULL REFERENCES reports (id)
    ) STRICT;
    CREATE TABLE reported_skips (
        fingerprint TEXT PRIMARY KEY REFERENCES seen (fingerprint),
        report_id TEXT NOT NULL REFERENCES reports (id)
    ) STRICT;

    CREATE TABLE deliveries (                 -- the outbox
        key TEXT PRIMARY KEY,                 -- idempotency key: report and sink
        report_id TEXT NOT NULL REFERENCES reports (id),
        sink TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'done')),
        attempts INTEGER NOT NULL DEFAULT 0,
        target TEXT NOT NULL DEFAULT '',
        remote_id TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '',
        updated TEXT NOT NULL
    ) STRICT;

    CREATE TABLE cursors (
        source TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        updated TEXT NOT NULL
    ) STRICT;

    CREATE VIRTUAL TABLE search USING fts5 (
        item_id UNINDEXED, title, text, digest, tokenize = 'unicode61 remove_diacritics 2'
    );
    """,
    # 2: items are numbered as the rows of `search` are, so that a digest finds its row at once. The
    # number is declared: SQLite may give undeclared rows other numbers when the file is vacuumed.
    """
    CREATE TABLE numbered (
        number INTEGER PRIMARY KEY,           -- the rowid in `search`
        id TEXT NOT NULL UNIQUE,
        document_id TEXT NOT NULL REFERENCES documents (id),
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        url TEXT NOT NULL,
        href TEXT NOT NULL,
        section TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        UNIQUE (document_id, position)
    ) STRICT;
    INSERT INTO numbered
        SELECT s.rowid, i.id, i.document_id, i.position, i.kind, i.title, i.text, i.url, i.href,
            i.section, i.content_hash
        FROM search s JOIN items i ON i.id = s.item_id ORDER BY s.rowid;
    DROP TABLE items;
    ALTER TABLE numbered RENAME TO items;
    CREATE INDEX items_by_content ON items (content_hash);
    """,
    # 3: what each statement of a digest rests on. Digests made before have none; they stay, and
    # their items are digested anew under the prompt version that brought evidence. What a model
    # wrote for them is no longer searched: it would be shown as what was found.
    """
    ALTER TABLE digests ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]';  -- JSON list
    UPDATE search SET digest = '' WHERE digest != '';
    """,
    # 4: what the reader said of stories
    """
    CREATE TABLE ratings (
        item_id TEXT PRIMARY KEY REFERENCES items (id),
        vote TEXT NOT NULL CHECK (vote IN ('up', 'down', 'more', 'less')),
        reason TEXT NOT NULL,
        added TEXT NOT NULL
    ) STRICT;
    """,
)
