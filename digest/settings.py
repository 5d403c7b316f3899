"""What the user decides: `digest.toml`, overridden by `DIGEST_*` variables and by options.

Every key has a default, an unknown key is an error that names its line.
"""

import codecs
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from platformdirs import user_config_path, user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from digest import settings_errors
from digest.errors import ConfigError
from digest.records import ItemKind
from digest.stories.interests import Mutes, Preferences

Words = Annotated[str, StringConstraints(pattern=r"\w", max_length=200)]
EngineName = Literal["auto", "ollama", "embedded", "openai", "extractive"]


class OllamaSettings(BaseModel):
    """Table `[ollama]`."""

    model_config = ConfigDict(extra="forbid")

    host: str = ""  # "" = the client's own default, OLLAMA_HOST included
    model: str = "digest"
    context: int = Field(default=4096, ge=1024)  # tokens
    keep_alive: str = "5m"
    parallel: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=0, ge=0)  # 0 = as Ollama chooses, fewer on a busy machine
    timeout: float = Field(default=300.0, gt=0)  # seconds for one answer
    write: bool = False  # a model of your own may write sentences, held to those that it cites


class OpenAISettings(BaseModel):
    """Table `[openai]`: any server that speaks OpenAI's chat completions."""

    model_config = ConfigDict(extra="forbid")

    base_url: str = ""  # e.g. "http://localhost:8080/v1"
    model: str = ""  # "" = the only one that the server has
    api_key: SecretStr = SecretStr("")  # better in DIGEST_OPENAI__API_KEY than in the file
    context: int = Field(default=4096, ge=1024)  # tokens
    parallel: int = Field(default=2, ge=1, le=64)
    timeout: float = Field(default=300.0, gt=0)  # seconds for one answer
    write: bool = False  # as in [ollama]


class EmbeddedSettings(BaseModel):
    """Table `[embedded]`. 0 = what fits this machine."""

    model_config = ConfigDict(extra="forbid")

    model: str = ""  # a GGUF file of your own; "" = the model that ships
    threads: int = Field(default=0, ge=0)
    slots: int = Field(default=0, ge=0, le=64)


class HttpSettings(BaseModel):
    """Table `[http]`: what is fetched from the web."""

    model_config = ConfigDict(extra="forbid")

    allow: list[str] = []  # your own hosts at private addresses: "nas.lan", "localhost:8080"
    timeout: float = Field(default=30.0, gt=0)  # seconds for one page, redirects included
    size: int = Field(default=16 * 2**20, gt=0)  # bytes of one page


class MuteSettings(BaseModel):
    """Table `[mute]`: what reports do not tell; its titles stand at their end."""

    model_config = ConfigDict(extra="forbid")

    words: list[Words] = []  # in headline, summary, names or themes of a story
    publishers: list[Words] = []
    kinds: list[ItemKind] = []  # e.g. "sponsor"


class ImapSettings(BaseModel):
    """Table `[imap]`: how the passwords of `imap:` sources are found; ~/.netrc is asked last."""

    model_config = ConfigDict(extra="forbid")

    password: SecretStr = SecretStr("")  # better in DIGEST_IMAP__PASSWORD than in the file
    password_command: list[str] = []  # {user} and {host} are filled in, for several accounts


class GoogleSettings(BaseModel):
    """Table `[google]`."""

    model_config = ConfigDict(extra="forbid")

    client: Path = Field(default_factory=lambda: user_config_path("digest") / "google-client.json")
    accounts: Path = Field(default_factory=lambda: user_config_path("digest") / "google")
    root: str = ""  # another server that speaks Google's API; "" = Google
    patience: float = Field(default=120.0, ge=0)  # seconds to wait in all while Google is down
    label: str = ""  # put on mail that was read, e.g. "digested"; "" = mail is never changed
    mark_read: bool = False
    beside: list[Literal["md", "pdf"]] = []  # put beside the Google Doc


class SmtpSettings(BaseModel):
    """Table `[smtp]`."""

    model_config = ConfigDict(extra="forbid")

    host: str = ""
    port: int = Field(default=465, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    user: str = ""
    password: SecretStr = SecretStr("")  # better in DIGEST_SMTP__PASSWORD than in the file
    sender: str = ""  # "" = `user`


class McpSettings(BaseModel):
    """Table `[mcp]`: what assistants may do."""

    model_config = ConfigDict(extra="forbid")

    # Pages that analyze_article may fetch: addresses that something read has and hosts that the
    # configuration names ("known"; for others the user is asked where the client can), any, none.
    fetch: Literal["known", "any", "off"] = "known"


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        extra="forbid", env_prefix="DIGEST_", env_nested_delimiter="__"
    )

    toml: ClassVar[dict[str, Any]] = {}  # what stands in the file that `load` found
    file: ClassVar[Path | None] = None  # that file, or where one would be looked for

    source: list[str] = []  # SPECs to read, e.g. "mailbox:~/Mail/news"
    deliver: list[str] = []  # SPECs to deliver to, besides `out`
    since: str = "7d"
    engine: EngineName = "auto"
    out: Path | None = Path("reports")  # folder for the .md and .html of each report
    empty_report: bool = False  # also on a day that brought nothing new, to see that all is well
    ledger: Path = Field(default_factory=lambda: user_data_path("digest") / "ledger.db")
    ollama: OllamaSettings = OllamaSettings()
    openai: OpenAISettings = OpenAISettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    interests: list[Words] = []  # e.g. "offshore wind": stories that match come first
    mute: MuteSettings = MuteSettings()
    http: HttpSettings = HttpSettings()
    imap: ImapSettings = ImapSettings()
    google: GoogleSettings = Field(default_factory=GoogleSettings)
    smtp: SmtpSettings = SmtpSettings()
    mcp: McpSettings = McpSettings()

    @property
    def preferences(self) -> Preferences:
        """What the reader wants to see first, and what not at all."""
        mute = self.mute
        return Preferences(
            tuple(dict.fromkeys(self.interests)),
            Mutes(tuple(mute.words), tuple(mute.publishers), tuple(mute.kinds)),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, cls.toml)


def load(file: Path | None = None, **options: Any) -> Settings:
    """Read `file`, or `digest.toml` in the current folder if there is one.

    Options that are None are not given. Raises ConfigError that names the key and the line.
    """
    path = file or Path("digest.toml")
    if file and not file.is_file():
        raise ConfigError(f"there is no configuration file {file}")
    text = read_text(path) if path.is_file() else ""
    try:
        reader = type("Settings", (Settings,), {"toml": tomllib.loads(text), "file": path})
    except tomllib.TOMLDecodeError as error:  # its message has the line
        raise ConfigError(f"{path}: {error}") from error
    given = {name: value for name, value in options.items() if value is not None}
    if wrong := settings_errors.misspelt(Settings):
        raise ConfigError(wrong)
    try:
        settings: Settings = reader(**given)
    except ValidationError as error:
        said = settings_errors.explained(error, Settings, (path, text), given)
        raise ConfigError(said) from error
    except SettingsError as error:  # a variable that is no JSON where a list or table belongs
        field = re.search(r'field "(\w+)"', str(error))
        name = field[1] if field else ""
        example = settings_errors.example_variable(name)
        raise ConfigError(f"the variable DIGEST_{name.upper()} is no JSON{example}") from error
    settings.ledger = settings.ledger.expanduser()
    settings.out = settings.out.expanduser() if settings.out else None
    return settings


def read_text(path: Path) -> str:
    """The text of a configuration file: UTF-8, with a byte order mark or without.

    Raises ConfigError that says where the first wrong byte is, or which encoding it seems to be.
    """
    try:
        raw = path.read_bytes()
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ConfigError(f"{path} is UTF-16; save it as UTF-8") from error
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path} line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; save it as UTF-8"
        ) from error
