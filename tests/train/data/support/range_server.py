"""A small HTTP server with the moods that a download has to live with.

Usage: range_server.py FOLDER LOG. Listens on 127.0.0.1, prints its port, and writes a line "PATH RANGE" for each request
to LOG. Paths: /plain/NAME; /cut/BYTES/NAME closes the connection after BYTES of a body; /norange/NAME ignores ranges;
/wrongrange/NAME answers a range request with other bytes; /moved/NAME redirects to /plain/NAME; /endless/NAME repeats the
file for ever without a length.
"""

import http.server
import pathlib
import sys

folder, log = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        requested = self.headers.get("Range", "-")
        with log.open("a") as lines:
            print(self.path, requested, file=lines)
        mood, *rest = self.path.strip("/").split("/")
        file = folder / rest[-1]
        if not file.is_file():
            self.send_error(404)
        elif mood == "moved":
            self.send_response(302)
            self.send_header("Location", f"/plain/{rest[-1]}")
            body = b"moved"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.write(body)
        elif mood == "endless":
            self.send_endless(file.read_bytes())
        else:
            self.send_range(mood, rest, file.read_bytes(), requested)

    def send_range(self, mood, rest, content, requested):
        first = 0
        if requested != "-" and mood != "norange":
            first = int(requested.removeprefix("bytes=").split("-")[0])
            if first >= len(content):
                self.send_error(416)
                return
            if mood == "wrongrange":
                first //= 2
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[first:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if mood == "cut":
            limit = int(rest[0])
            self.close_connection = len(body) > limit
            body = body[:limit]
        self.write(body)

    def send_endless(self, content):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while self.write(content):
            pass

    def write(self, body):
        """Returns whether the client still listens."""
        try:
            self.wfile.write(body)
            return True
        except OSError:
            self.close_connection = True
            return False

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *arguments):
        pass  # a client that gives up is what the tests are about


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
