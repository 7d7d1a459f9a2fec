"""On the lab's Internet: Amazon SNS as far as a message needs it, beside everybody else who can be told.

    office.py ADDRESS CERTIFICATE KEY SECRET FILE

SNS itself, by moto, is in tests/aws and tests/netns; here it is the child's sandbox that is tried.
"""

import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.netns import postoffice

AMAZON = 5000
ANSWER = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    b"<MessageId>m-1</MessageId></PublishResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>"
    b"</PublishResponse>"
)


class Sns(BaseHTTPRequestHandler):
    timeout = 20

    def do_POST(self) -> None:
        asked = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        good = asked["Action"] == ["Publish"] and "Credential=AKIDEXAMPLE/" in self.headers["Authorization"]
        if good:
            with Path(sys.argv[5]).with_suffix(".sns").open("a") as file:
                file.write(asked["Subject"][0] + "\n")
        self.send_response(200 if good else 403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer((sys.argv[1], AMAZON), Sns)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    postoffice.main()
