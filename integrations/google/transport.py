"""What google-api-python-client sends its requests through: one try each, by google-auth's session.

The client's own way out, httplib2, sends a request again when the server closes the connection
without an answer, POST included, before anybody could ask whether the first one took effect
(`Http._conn_request`): a mail would be sent twice. So the client gets this in its place.
"""

from typing import TYPE_CHECKING, Any

import httplib2
from google.auth.transport.requests import AuthorizedSession

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two packets


class Transport:
    """An `httplib2.Http` as far as the client asks for one. An access token that has ended is
    renewed. Raises requests' and google-auth's exceptions.
    """

    def __init__(self, credentials: "Credentials") -> None:
        self.session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Send a request once; return the answer's headers and body."""
        answer = self.session.request(  # type: ignore[no-untyped-call]
            method,
            uri,
            data=body.read() if hasattr(body, "read") else body,  # a chunk of an upload
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=method == "GET",  # 308 is Drive's word for "go on"
        )
        held = {name.lower(): value for name, value in answer.headers.items()}
        response = httplib2.Response(held | {"status": str(answer.status_code)})
        response.reason = answer.reason or ""
        return response, answer.content

    def close(self) -> None:
        """Close the connections."""
        self.session.close()  # type: ignore[no-untyped-call]
