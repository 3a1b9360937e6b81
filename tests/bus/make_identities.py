#!/usr/bin/env python3
"""Makes what a nats-server and its clients need for JWT authentication, which `nsc` would: an operator,
an account that may use JetStream, and two users of it. Keys are new each time.

usage: make_identities.py DIRECTORY   -> server.conf, user.creds, stranger.creds (of no account known)
"""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3  # nkeys: the first letter of a key
UNLIMITED = -1


def crc16(data):
    """XMODEM's, as nkeys has it."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def encoded(data):
    return base64.b32encode(data + crc16(data).to_bytes(2, "little")).decode().rstrip("=")


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Identity:
    def __init__(self, directory, name, kind):
        self.name = name
        self.key_path = directory / f"{name}.pem"
        self.kind = kind
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", self.key_path)
        # In DER both keys end with their 32 bytes.
        self.secret = self.openssl("pkey", "-in", self.key_path, "-outform", "DER")[-32:]
        public = self.openssl("pkey", "-in", self.key_path, "-pubout", "-outform", "DER")[-32:]
        self.public = encoded(bytes([kind]) + public)

    @staticmethod
    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout

    def seed(self):
        return encoded(bytes([SEED | self.kind >> 5, (self.kind & 31) << 3]) + self.secret)

    def vouch_for(self, whom, facts):
        """The JWT by which this one says who the other is."""
        claims = {"jti": whom.public, "iat": int(time.time()), "iss": self.public,
                  "name": whom.name, "sub": whom.public, "nats": facts | {"version": 2}}
        header = {"typ": "JWT", "alg": "ed25519-nkey"}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        to_sign = self.key_path.with_suffix(".claims")
        to_sign.write_text(text)
        signature = self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.key_path,
                                 "-in", to_sign)
        return f"{text}.{base64url(signature)}"


def credentials(account, user):
    allowed = {"type": "user", "pub": {}, "sub": {}, "subs": UNLIMITED, "data": UNLIMITED,
               "payload": UNLIMITED}
    return (f"-----BEGIN NATS USER JWT-----\n{account.vouch_for(user, allowed)}\n"
            f"------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed()}\n------END USER NKEY SEED------\n")


def main():
    directory = Path(sys.argv[1])
    operator = Identity(directory, "operator", OPERATOR)
    account = Identity(directory, "account", ACCOUNT)
    system = Identity(directory, "system", ACCOUNT)  # JetStream does not start without one
    unknown = Identity(directory, "unknown", ACCOUNT)
    plain = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"),
                          UNLIMITED) | {"wildcards": True}
    storing = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), UNLIMITED)
    no_permissions = {"pub": {}, "sub": {}}
    known = "\n".join(
        f"  {one.public}: " + operator.vouch_for(
            one, {"type": "account", "limits": limits, "default_permissions": no_permissions})
        for one, limits in ((account, plain | storing), (system, plain)))
    (directory / "operator.jwt").write_text(operator.vouch_for(operator, {"type": "operator"}))
    (directory / "server.conf").write_text(
        f'operator: "{directory}/operator.jwt"\nsystem_account: {system.public}\n'
        f"resolver: MEMORY\nresolver_preload: {{\n{known}\n}}\n")
    for holder, name in ((account, "user"), (unknown, "stranger")):
        (directory / f"{name}.creds").write_text(
            credentials(holder, Identity(directory, name, USER)))


if __name__ == "__main__":
    main()
