"""A bot on the official Python SDK that is called: ``webhook.py ENCRYPT_KEY VERIFICATION_TOKEN``. It says its port."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lark_oapi as lark
from handlers import dispatcher, leave_with_standard_input, say


def main(encrypt_key: str, token: str) -> None:
    leave_with_standard_input()
    handler = dispatcher("full", encrypt_key, token)

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = lark.RawRequest()
            request.uri, request.headers = self.path, dict(self.headers.items())
            request.body = self.rfile.read(int(self.headers["Content-Length"]))
            response = handler.do(request)
            self.send_response(response.status_code)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    say(port=server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
