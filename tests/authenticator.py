"""A device that keeps passkeys, for tests: it answers as browsers pass it on, and lies when it is told to."""

import hashlib
import json
import secrets

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey. `origin` is of the page that asks; `counts` says whether it counts its signatures."""

    def __init__(self, origin="http://localhost", counts=True, id_bytes=16):
        self.origin, self.counts, self.signed = origin, counts, 0
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(id_bytes)

    def create(self, options, **lies):
        """What a browser says of a passkey it made for `options`, as JSON."""
        cose = {1: 2, 3: -7, -1: 1, -2: self.coordinate("x"), -3: self.coordinate("y")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        host = lies.get("host", options["rp"]["id"])
        data = self.data(host, PRESENT | ATTESTED) + attested
        kind, statement = lies.get("attestation", ("none", {}))
        statement = cbor2.dumps({"fmt": kind, "attStmt": statement, "authData": data})
        client = self.client("webauthn.create", options["challenge"], lies)
        return self.said(clientDataJSON=client, attestationObject=statement)

    def get(self, options, **lies):
        """What a browser says of this passkey's answer to `options`, as JSON."""
        self.signed += self.counts
        data = self.data(lies.get("host", options["rpId"]), lies.get("flags", PRESENT))
        client = self.client("webauthn.get", options["challenge"], lies)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        if lies.get("forged"):
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        return self.said(clientDataJSON=client, authenticatorData=data, signature=signature)

    def coordinate(self, name):
        return getattr(self.key.public_key().public_numbers(), name).to_bytes(32, "big")

    def data(self, host, flags):
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.signed.to_bytes(4, "big")

    def client(self, kind, challenge, lies):
        said = {"type": lies.get("kind", kind), "challenge": lies.get("challenge", challenge)}
        return json.dumps(said | {"origin": lies.get("origin", self.origin), "crossOrigin": False}).encode()

    def said(self, **response):
        id_ = bytes_to_base64url(self.id)
        response = {name: bytes_to_base64url(value) for name, value in response.items()}
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": response})
