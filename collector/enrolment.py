"""How a host becomes known: a code made by a person here, spent by the host there."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding

from collector.authority import Authority, certificate_sha256, key_sha256, read_request
from collector.store.base import Host, Records, Store
from contract.enrol_code import SECRET_BYTES, EnrolCode
from contract.errors import FeldsherError
from contract.exchange import PROTOCOL, Enrol, Enrolled

LIFETIME = timedelta(minutes=60)
LONGEST_LIFETIME = timedelta(days=7)
MOST_USES = 500
NAME_CHARACTERS = 255


class Codes:
    """Makes codes for the collector at *address*, and honours them."""

    def __init__(self, store: Store, authority: Authority, address: str) -> None:
        self._store = store
        self._authority = authority
        self._address = address

    async def make(
        self, organisation: str, by: str, at: datetime, *, uses: int = 1, lifetime: timedelta = LIFETIME
    ) -> str:
        """Return a new code, to be shown once: only a digest of its secret is kept."""
        if not 1 <= uses <= MOST_USES:
            raise FeldsherError("limit", f"a code is for 1 to {MOST_USES} machines", where="uses")
        if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
            raise FeldsherError("limit", f"a code lasts up to {LONGEST_LIFETIME.days} days", where="minutes")
        secret = secrets.token_bytes(SECRET_BYTES)

        def keep(records: Records) -> None:
            records.add_code(_digest(secret.hex()), organisation, at + lifetime, uses, by)
            records.audit(at, by, "code-made", _digest(secret.hex())[:16], f"{uses} uses, {lifetime}")

        await self._store.change(keep)
        return EnrolCode(self._address, secret, self._authority.fingerprint).spoken()

    async def enrol(self, asked: Enrol, at: datetime, source: str) -> Enrolled:
        """Make the host known and return its certificate; *source* is the address it came from, for the audit.

        The same key with the same code gets its answer again: the first may have been lost on the way.
        """
        if asked.protocol != PROTOCOL:
            raise FeldsherError("version", f"this collector speaks protocol {PROTOCOL}, not {asked.protocol}")
        if len(asked.facts.name) > NAME_CHARACTERS or len(asked.machine_id) > NAME_CHARACTERS:
            raise FeldsherError("limit", f"a name is longer than {NAME_CHARACTERS} characters", where="facts")
        request = read_request(asked.request_pem)
        # The code is looked up by the digest of its secret, so the time it takes tells nothing about near misses.
        secret, key = _digest(asked.secret.lower()), key_sha256(request)
        # Named after its key: the same key is the same host, whatever it calls itself.
        host = f"h-{key[:20]}"
        certificate = self._authority.certify_host(request, host)
        pem = certificate.public_bytes(Encoding.PEM).decode()
        name = certificate_sha256(certificate.public_bytes(Encoding.DER))

        def admit(records: Records) -> Enrolled | None:
            organisation = records.use_code(secret, at, key)
            if organisation is None:
                records.audit(at, source, "enrol-refused", secret[:16], asked.facts.name)
                return None
            known = records.host(organisation, host)
            if known is None:
                records.add_host(
                    Host(
                        organisation=organisation,
                        id=host,
                        name=asked.facts.name,
                        facts=asked.facts,
                        certificate_sha256=name,
                        machine_id=asked.machine_id,
                        enrolled_at=at,
                    )
                )
            elif known.revoked:
                raise FeldsherError("host-revoked", "this host's identity was withdrawn; it needs a new key")
            else:
                records.set_certificate(organisation, host, name)
            records.audit(at, source, "enrolled", host, asked.facts.name)
            return Enrolled(host, pem)

        enrolled = await self._store.change(admit)
        if enrolled is None:
            raise FeldsherError("enrol-code", "the code is wrong, used up or too old")
        return enrolled


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
