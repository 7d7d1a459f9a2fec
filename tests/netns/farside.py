"""Everybody on the Internet, in one program: says who is asking, echoes, resolves names, shows two pages.

TCP 7: the asker's address as a line, then everything comes back.  UDP 7: the same line before each answer.
TCP 80: the pages by which a fresh configuration knows the Internet; anything else gets the asker's address.
UDP 53: every name is one of ours; the answer is ``ANSWER`` (RFC 1035), for IPv4 only.
"""

import asyncio
import contextlib
import socket
import sys

ANSWER = "198.51.100.80"
_PAGES = {b"/generate_204": ("204 No Content", b""), b"/success.txt": ("200 OK", b"success\n")}
_A = b"\0\1\0\1"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.write(f"{writer.get_extra_info('peername')[0]}\n".encode())
        while said := await reader.read(4096):
            writer.write(said)
            await writer.drain()
    writer.close()


async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.LimitOverrunError):
        words = (await reader.readline()).split()
        while (await reader.readline()).strip():
            pass
        own = "200 OK", f"{writer.get_extra_info('peername')[0]}\n".encode()
        status, body = _PAGES.get(words[1] if len(words) > 1 else b"", own)
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        )
        await writer.drain()
    writer.close()


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport) -> None:
        self.transport = transport


class Echo(Datagrams):
    def datagram_received(self, said: bytes, peer: tuple[str, int]) -> None:
        self.transport.sendto(f"{peer[0]}\n".encode() + said, peer)


class Names(Datagrams):
    def datagram_received(self, said: bytes, peer: tuple[str, int]) -> None:
        end = said.find(b"\0", 12) + 5
        question = said[12:end]
        if len(said) < 17 or end < 17:
            return
        found = question.endswith(_A)
        answer = said[:2] + b"\x81\x80\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0" + question
        if found:
            answer += b"\xc0\x0c" + _A + b"\0\0\0\x3c\0\4" + socket.inet_aton(ANSWER)
        self.transport.sendto(answer, peer)


async def main(addresses: list[str]) -> None:
    """Datagrams are answered from the address that was asked, hence a socket for each."""
    loop = asyncio.get_running_loop()
    await asyncio.start_server(echo, "0.0.0.0", 7, backlog=512)
    await asyncio.start_server(page, "0.0.0.0", 80)
    for address in addresses:
        await loop.create_datagram_endpoint(Echo, (address, 7))
        await loop.create_datagram_endpoint(Names, (address, 53))
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
