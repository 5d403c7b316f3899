"""A server that speaks OpenAI's chat completions: llama-server, LM Studio, vLLM, LiteLLM, others.

The official client holds address, key and connections; it is an extra, since most do without. What
such a server runs is never known to be Digest's own model, so it chooses by
`digest.engines.own_prompt`. Schemas go as `response_format`; servers that know none, or hold it
badly, are caught by the checks that every answer passes.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from digest.engines.batch import Patience, answered
from digest.engines.loops import with_end
from digest.engines.ollama import estimate
from digest.engines.own_prompt import version
from digest.errors import EngineUnavailable
from digest.protocols import LATER, Answer, Ask
from digest.schema import json_schema

if TYPE_CHECKING:
    from digest.settings import OpenAISettings

_HELLO = 10.0  # seconds a server may take to say what models it has
_BUSY = (1, 4, 16)  # seconds to wait after each 429 or 503
_FULL = "the server is busy"
_PENALTY = 0.4  # `frequency_penalty` of an answer that ran in circles: the API has no other


class OpenAIEngine:
    """Asks an OpenAI-compatible server, at the address that the user named."""

    name = "openai"
    chooses = True

    def __init__(self, settings: "OpenAISettings") -> None:
        """Connect and look for the model. Raises EngineUnavailable."""
        try:
            import openai
        except ImportError as error:
            raise EngineUnavailable(
                'engine = "openai" needs the official client; install it with '
                "`pip install 'newsdigest[openai]'`"
            ) from error
        if not settings.base_url:
            raise EngineUnavailable(
                'engine = "openai" needs an address: base_url = "http://…/v1" in [openai]'
            )
        self._api, self._settings = openai, settings
        self._client = openai.OpenAI(
            base_url=settings.base_url,
            # Local servers want none, the client wants one; OPENAI_API_KEY is not for them.
            api_key=settings.api_key.get_secret_value() or "none",
            max_retries=0,  # it would ask again after a timeout, too
            timeout=settings.timeout,
        )
        self.context, self.slots = settings.context, settings.parallel
        self._patience = Patience()
        self.writes = settings.write
        self.prompt_version = version(settings.write)
        self._model = settings.model or self._only()
        self.model = f"{self._model}@{settings.base_url.rstrip('/')}"

    def _only(self) -> str:
        """The one model of a server. Raises EngineUnavailable."""
        try:
            names = [str(one.id) for one in self._client.with_options(timeout=_HELLO).models.list()]
        except self._api.OpenAIError as error:
            self.close()
            raise EngineUnavailable(
                f"the server at {self._settings.base_url} cannot be used ({error}); is it started, "
                "and base_url in [openai] its address, /v1 included?"
            ) from error
        if len(names) == 1:
            return names[0]
        self.close()
        raise EngineUnavailable(
            f"the server at {self._settings.base_url} has {len(names)} models; name one as model "
            f"in [openai]: {', '.join(names[:8])}"
        )

    def count(self, text: str) -> int:
        """Estimated tokens: the API has no tokenizer to ask."""
        return estimate(text)

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch, a bounded number at a time. Raises EngineUnavailable if it dies."""
        yield from answered(asks, self._one, self.slots, self.name, self._patience)

    def _one(self, index: int, ask: Ask, stop: threading.Event) -> Answer:
        def chat(loosened: Mapping[str, float]) -> Answer:
            penalty = {"frequency_penalty": _PENALTY} if loosened else {}
            for pause in _BUSY:
                answer = self._chat(index, ask, penalty)
                if not answer.error.startswith(_FULL) or stop.wait(pause):
                    return answer
            return self._chat(index, ask, penalty)

        return with_end(chat, stop.is_set)

    def _chat(self, index: int, ask: Ask, loosened: Mapping[str, float]) -> Answer:
        api, host = self._api, self._settings.base_url
        schema = ask.schema or json_schema(ask.fields)
        wanted = {"name": "digest", "strict": True, "schema": schema}
        request: dict[str, Any] = {
            "model": self._model,
            "messages": list(ask.messages),
            "response_format": {"type": "json_schema", "json_schema": wanted},
            "max_tokens": ask.max_tokens,
            "temperature": 0,
            # Where the template knows it, thinking is switched off; elsewhere nobody reads this.
            "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
            **loosened,
        }
        try:
            return self._read(index, self._client.chat.completions.create(**request))
        except api.APITimeoutError:
            why = f"no answer within {self._settings.timeout:g} s"
        except api.APIConnectionError as error:
            cause = error.__cause__ or error
            raise EngineUnavailable(f"the server at {host} went away ({cause})") from error
        except (api.AuthenticationError, api.PermissionDeniedError, api.NotFoundError) as error:
            raise EngineUnavailable(f"the server at {host} says: {error.message}") from error
        except api.APIStatusError as error:
            why = f"the server says: {error.message}"
            if error.status_code in {429, 503}:
                why = f"{_FULL}: {error.message}"
            elif error.status_code < 500:
                return Answer(index, "", "error", error=why)
        except (api.APIError, ValueError) as error:
            why = f"the server sent no readable answer: {error}"
        return Answer(index, "", LATER, error=why)

    def _read(self, index: int, reply: Any) -> Answer:
        """How the answer ended, and its text without the thoughts before it."""
        if not reply.choices:
            return Answer(index, "", LATER, error="the server sent an empty answer")
        choice, usage = reply.choices[0], reply.usage
        text = choice.message.content or ""
        spent = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        _, end, answer = text.partition("</think>")
        if end or text.lstrip().startswith("<think>") or (not text and spent[1]):
            if not answer.strip():
                raise EngineUnavailable(
                    f"{self._model!r} thinks before it answers, though told not to; switch that "
                    "off in the server, or name another model in [openai]"
                )
            text = answer
        finish = choice.finish_reason or "error"
        if finish not in {"stop", "length"}:
            return Answer(index, "", "error", error=f"the server ended it for {finish!r}")
        return Answer(index, text.strip(), finish, *spent)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
