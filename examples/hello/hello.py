"""A very small web service: says hello, and says that it is well."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def greeting(name: str) -> str:
    return f"Hello, {name or 'world'}!"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, {"status": "ok"})
        elif self.path.startswith("/hello"):
            self._answer(200, {"greeting": greeting(self.path.partition("/hello/")[2])})
        else:
            self._answer(404, {"error": "there is only /hello/<name> and /healthz"})

    def _answer(self, status: int, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, template: str, *values: object) -> None:
        print(template % values, flush=True)


def serve(port: int = 0) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    server = serve(8000)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
