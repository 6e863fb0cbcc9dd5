"""A port in front of a server, and all that can happen to a connection on its way."""

import contextlib
import socket
import threading

from live import free_port


class Proxy:
    """Passes on what goes to and from `target`, a port of this machine, until it is told otherwise."""

    def __init__(self, target):
        self.target, self.port = target, free_port()
        self.guard = threading.Lock()
        self.pairs = set()
        self.bytes_left = None  # that clients may send before everything is cut
        self.is_silent = False
        self.listening = None
        self.accept()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.refuse()

    def accept(self):
        """Everything that is new goes through. What was swallowed stays so: no firewall remembers it."""
        self.is_silent, self.bytes_left = False, None
        if self.listening is None:
            self.listening = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self.serve, args=[self.listening], daemon=True).start()

    def refuse(self):
        """Nobody listens any more, and nobody is connected."""
        if self.listening is not None:
            with contextlib.suppress(OSError):
                self.listening.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
            self.listening.close()
            self.listening = None
        self.cut()

    def swallow(self):
        """Nothing arrives any more, in any direction, and nobody is told: not even of an end."""
        self.is_silent = True
        for pair in list(self.pairs):
            pair.is_silent = True

    def cut(self):
        """End all connections there are."""
        for pair in list(self.pairs):
            pair.end()

    def cut_after(self, count):
        """End all connections when clients have sent `count` bytes more, in the middle of whatever."""
        self.bytes_left = count

    def serve(self, listening):
        with contextlib.suppress(OSError):
            while True:
                client = listening.accept()[0]
                Pair(self, client).start()

    def allowed(self, data):
        """What of `data`, sent by a client, may still pass."""
        with self.guard:
            if self.bytes_left is None:
                return data
            data = data[: self.bytes_left]
            self.bytes_left -= len(data)
            return data


class Pair:
    """A client's connection and the one to the server."""

    def __init__(self, proxy, client):
        self.proxy, self.client, self.server = proxy, client, None
        self.is_silent = proxy.is_silent

    def start(self):
        self.proxy.pairs.add(self)
        try:
            self.server = socket.create_connection(("127.0.0.1", self.proxy.target))
        except OSError:
            return self.end()
        for source, sink in ((self.client, self.server), (self.server, self.client)):
            threading.Thread(target=self.pump, args=[source, sink], daemon=True).start()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.is_silent:
                    continue
                passed = self.proxy.allowed(data) if source is self.client else data
                sink.sendall(passed)
                if passed != data:
                    self.proxy.accept()
                    self.proxy.cut()
        if not self.is_silent:
            self.end()

    def end(self):
        self.proxy.pairs.discard(self)
        for end in filter(None, (self.client, self.server)):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
