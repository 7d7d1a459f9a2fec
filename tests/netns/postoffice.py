"""Everybody who can be told, on the Internet of a city: ntfy, a webhook, a mail server.

    postoffice.py ADDRESS CERTIFICATE KEY SECRET FILE

Writes what has come into FILE, as JSON, whenever it changes.
"""

import json
import sys
import time
from pathlib import Path

from tests.receivers import Post, Web, post, web

NTFY, WEBHOOK, SMTP = 8443, 8444, 2525


def main() -> None:
    address, secret, file = sys.argv[1], sys.argv[4], Path(sys.argv[5])
    tls = Path(sys.argv[2]), Path(sys.argv[3])
    topic, hook, mail = Web(), Web(key=secret), Post(password=secret)
    with (
        web(topic, address, NTFY, tls=tls),
        web(hook, address, WEBHOOK, tls=tls),
        post(mail, address, SMTP, tls=tls),
    ):
        told = None
        while True:
            came = {
                "ntfy": [f"{each['title']}\n{each['message']}" for each in topic.came],
                "webhook": [part for each in hook.came for part in each["messages"]],
                "mail": [f"{each['Subject']}\n{each.get_content()}" for each in mail.came],
                "names": topic.names + hook.names,
                "refused": topic.refused + hook.refused,
            }
            if came != told:
                told = came
                fresh = file.with_suffix(".new")
                fresh.write_text(json.dumps(came))
                fresh.replace(file)
            time.sleep(0.1)


if __name__ == "__main__":
    main()
