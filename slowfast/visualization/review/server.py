"""A server for a browser on the same computer: pages, videos with ranges, and corrections.

It listens on the loopback address alone, and answers only requests that carry the token of the
address that it prints, and that name this computer as their host. So no other computer, no other
user and no web page can read or change anything.
"""

from __future__ import annotations

import json
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowfast.ak.errors import UserError
from slowfast.visualization.review.corrections import Outdated, is_step
from slowfast.visualization.review.pages import INDEX, ServedPages

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer
    from werkzeug.wrappers import Request, Response

HOST = "127.0.0.1"
_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # no page of another site shows these pages in itself
}
_MOST_BYTES = 100_000_000  # of the corrections of a video


class ReviewApp:
    """The WSGI application.

    Args:
        pages: what is served.
        token: a secret, which the address of the first request has.
    """

    def __init__(self, pages: ServedPages, token: str) -> None:
        self.pages, self.token = pages, token
        self._writing = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        from werkzeug.wrappers import Request

        answer = self._answer(Request(environ))
        answer.headers.update(_HEADERS)
        return answer(environ, start_response)

    def _answer(self, request: Request) -> Response:
        from werkzeug.utils import redirect, send_file
        from werkzeug.wrappers import Response

        if request.host.partition(":")[0] not in (HOST, "localhost"):
            return Response("This server is for this computer alone.", 403)
        # A browser has the cookies of all ports together, and reviews can run side by side.
        cookie = f"review_{request.host.partition(':')[2]}"
        if self._is_token(request.args.get("token", "")):
            answer = redirect("/" + INDEX)
            answer.set_cookie(cookie, self.token, httponly=True, samesite="Strict")
            return answer
        if not self._is_token(request.cookies.get(cookie, "")):
            return Response("Open the address that tools/review.py has printed.", 403)
        kind, _, rest = request.path.lstrip("/").partition("/")
        try:
            if request.method == "PUT" and kind == "corrections" and rest in self.pages.names:
                return self._keep(request, rest)
            if request.method not in ("GET", "HEAD"):
                return Response("There is nothing like this.", 404)
            if kind in ("", INDEX) and not rest:
                return _html(self.pages.overview())
            if kind in self.pages.names and not rest:
                return _html(self.pages.video(kind))
            if kind == "media" and rest.isdecimal() and int(rest) < len(self.pages.names):
                path = self.pages.media(list(self.pages.names)[int(rest)])
                if path is not None:
                    return send_file(path, request.environ, conditional=True)
        except UserError as error:
            return Response(str(error), 500)
        return Response("There is nothing like this.", 404)

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(errors="replace"), self.token.encode())

    def _keep(self, request: Request, page: str) -> Response:
        """Writes the corrections of a page."""
        from werkzeug.wrappers import Response

        if (request.content_length or 0) > _MOST_BYTES:
            return Response("These are too many corrections.", 413)
        try:
            found = json.loads(request.get_data())
            digest, steps, csv = str(found["digest"]), list(found["steps"]), str(found["csv"])
            after = found.get("revision")
            if not all(map(is_step, steps)):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            return Response("These are no corrections.", 400)
        try:
            with self._writing:
                self.pages.kept(page).write(digest, steps, csv, after)
        except Outdated:
            words = "they were changed in another window; open this page again to go on"
            return Response(words, 409)
        return Response(status=204)


def _html(text: str) -> Response:
    from werkzeug.wrappers import Response

    answer = Response(text.encode("utf-8", "xmlcharrefreplace"), mimetype="text/html")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def make_review_server(
    folder: Path, port: int = 0, corrections: Path | None = None
) -> tuple[BaseWSGIServer, str]:
    """Returns a server, which has a port already, and the address to open.

    Args:
        folder: of predictions, with their pages.
        port: 0: any that is free.
        corrections: folder of the corrections; None: `corrections` in `folder`.

    Raises:
        UserError: werkzeug is not installed, there are no pages, or the port is taken or
            does not exist.
    """
    try:
        from werkzeug.serving import WSGIRequestHandler, make_server
    except ImportError:
        raise UserError(
            "tools/review.py serves pages with werkzeug, which is not installed: "
            "pip install 'werkzeug>=3'"
        ) from None

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: object) -> None:
            pass

    if not 0 <= port < 2**16:
        raise UserError(f"--port {port}: expected 0 to 65535, or leave it out")
    token = secrets.token_urlsafe(16)
    app = ReviewApp(ServedPages(folder, corrections), token)
    try:
        server = make_server(HOST, port, app, threaded=True, request_handler=Quiet)
    except (OSError, SystemExit, OverflowError) as error:
        raise UserError(f"--port {port}: cannot be used ({error}); leave it out") from None
    return server, f"http://{HOST}:{server.server_port}/?token={token}"
