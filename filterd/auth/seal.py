"""seal - what we answer for on the way out: DKIM signatures on our own mail, ARC seals on the rest.

Owns:   Sealing (what `[signing]` says, keys loaded), sign, seal, leaving, merged_account.
Asks:   nothing. Pure: a message as it will leave, in; fields to put on top of it, out.
Not here: key files (auth.keyfile), who is our client (the caller), verification (auth.dkim, auth.arc).
RFC 6376 sections 5 and 3.5, RFC 8617 section 5.1. Values are folded with LF and TAB; as every signature
here is relaxed in the header, it holds whichever way the MTA writes them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from filterd.auth.arc import read_sets, reported
from filterd.auth.keyfile import Signer, load_signers
from filterd.auth.settings import SigningSettings
from filterd.auth.signature import SignatureError, canonical, canonical_field, unsigned
from filterd.core.verdict import Edit, Hold, InsertField, ReplaceField
from filterd.limits import LIMITS
from filterd.mail.authres import claims_authserv_id
from filterd.mail.domain import to_alabel
from filterd.mail.header import Field, Header
from filterd.mail.message import Message

# RFC 6376 5.4.1, and the list fields that readers' programs act upon.
SIGNED = (
    "from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "resent-date", "resent-from", "resent-to",
    "list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-post", "list-archive",
)  # fmt: skip
SEALED = (*SIGNED, "dkim-signature")  # RFC 8617 4.1.2: SHOULD include DKIM-Signature
MAX_SAME = 5  # instances of one field that are signed, the lowest ones
_LINE = 70  # characters of base64, or of names in h=, on a line
_WIDTH = 76  # RFC 5322 2.1.1: 78 and the CRLF; the first line has the field's name before it


@dataclass(frozen=True, slots=True)
class Sealing:
    """The keys and wishes of `[signing]`; made once, before workers start."""

    signers: tuple[Signer, ...] = ()
    sealer: Signer | None = None
    subdomains: bool = True
    oversign: tuple[str, ...] = ("from",)
    expire: float = 0.0

    @classmethod
    def load(cls, settings: SigningSettings) -> Sealing:
        """Read the keys; ConfigError with every problem."""
        signers = load_signers(settings)
        wanted = to_alabel(settings.seal_domain) if settings.seal_domain else None
        sealer = next((s for s in signers if s.domain == wanted and s.kind == "rsa"), None)
        return cls(
            signers,
            sealer,
            settings.subdomains,
            tuple(name.lower() for name in settings.oversign),
            settings.expire,
        )

    def fields(
        self,
        message: Message,
        *,
        is_ours: bool,
        account: str,
        now: float,
        edits: Iterable[Edit] = (),
    ) -> tuple[InsertField, ...]:
        """The fields to insert at the very top, in this order, each above the one before.

        `edits` are what else will be done to the message before; `is_ours` says that an authenticated or
        local client sent it; `account` is the body of our Authentication-Results.
        """
        if message.is_oversize:  # the rest of the body has not been seen
            return ()
        if not (self.signers if is_ours else self.sealer):
            return ()
        message = leaving(message, edits)
        if is_ours:
            fields = [sign(message, signer, now, self) for signer in self.signers_for(message)]
        elif self.sealer is not None:
            fields = list(seal(message, self.sealer, account, now))
        else:
            return ()
        return tuple(
            InsertField(field.name, field.raw.decode("ascii").lstrip(" "), 0)
            for field in fields
        )

    def signers_for(self, message: Message) -> Sequence[Signer]:
        """The keys of the author's domain, or of the nearest domain above it that has some."""
        if len(message.header.all("from")) != 1 or not message.author.domains:
            return ()
        name = message.author.domains[0]
        while name:
            found = [signer for signer in self.signers if signer.domain == name]
            if found or not self.subdomains:
                return found
            name = name.partition(".")[2]
        return ()


def leaving(message: Message, edits: Iterable[Edit]) -> Message:
    """The message after those edits, as the MTA will hand it on."""
    fields = list(message.header)
    changed = False
    for edit in edits:
        if isinstance(edit, Hold):
            continue
        changed = True
        name = edit.name.lower()
        if isinstance(edit, InsertField):
            field = Field(edit.name, b" " + edit.value.encode("utf-8", "surrogateescape"))
            fields.insert(len(fields) if edit.index is None else edit.index, field)
            continue
        found = [at for at, field in enumerate(fields) if field.key == name]
        if len(found) < edit.occurrence:
            continue
        at = found[edit.occurrence - 1]
        if isinstance(edit, ReplaceField):
            value = b" " + edit.value.encode("utf-8", "surrogateescape")
            fields[at] = Field(fields[at].name, value)
        else:
            del fields[at]
    return Message(Header(fields), message.body, size=message.size) if changed else message


def sign(message: Message, signer: Signer, now: float, wishes: Sealing | None = None) -> Field:
    """Return a DKIM-Signature of the message, relaxed/relaxed."""
    wishes = wishes or Sealing()
    digest, _ = canonical(message).body(relaxed=True)
    tags = {
        "v": "1",
        "a": signer.algorithm,
        "c": "relaxed/relaxed",
        "d": signer.domain,
        "s": signer.selector,
        "t": str(int(now)),
        "x": str(int(now + wishes.expire)) if wishes.expire else "",
        "h": ":".join(names_to_sign(message.header, SIGNED, wishes.oversign)),
        "bh": base64.b64encode(digest).decode("ascii"),
        "b": "",
    }
    names = tags["h"].split(":")
    own = _field("DKIM-Signature", tags)
    data = canonical(message).signed_data(names, own, relaxed=True)
    return _field("DKIM-Signature", tags, signer.sign(data))


def names_to_sign(
    header: Header, names: Iterable[str], oversign: Sequence[str]
) -> tuple[str, ...]:
    """h=: a name for each instance present, once more for those that nobody may add."""
    found: list[str] = []
    for name in names:
        count = min(len(header.all(name)), MAX_SAME) + (name in oversign)
        found.extend([name] * count)
    return tuple(found)


def seal(
    message: Message,
    signer: Signer,
    account: str,
    now: float,
    *,
    names: Sequence[str] | None = None,
    oversign: Sequence[str] = ("from",),
    line: int = _LINE,
) -> tuple[Field, ...]:
    """Return an ARC set in the order of insertion (the seal last, topmost), or nothing.

    `account` is the body of our Authentication-Results, arc= among its results: its status becomes cv=.
    `line` is the length at which b= is folded (the public suite expects it in one piece).
    Nothing is added to a chain that is over (cv=fail, 50 sets) or whose status nobody told (5.1).
    """
    status = reported(account, "arc")
    newest, is_over = _newest(message.header)
    if status not in ("none", "pass", "fail") or (status == "none") is not (newest == 0):
        return ()
    if is_over or newest >= LIMITS.arc_sets:
        return ()
    try:  # 5.1.2: a broken chain is not sealed again, only the new set is
        sets = read_sets(message.header) if status == "pass" else ()
    except SignatureError:
        return ()
    common = {
        "a": signer.algorithm,
        "d": signer.domain,
        "i": str(newest + 1),
        "s": signer.selector,
    }
    common["t"] = str(int(now))
    hashes = canonical(message)

    results = Field("ARC-Authentication-Results", _fold(f"i={newest + 1}; {account}"))
    signed = list(names or names_to_sign(message.header, SEALED, oversign))
    digest, _ = hashes.body(relaxed=True)
    tags = {
        **common,
        "bh": base64.b64encode(digest).decode("ascii"),
        "c": "relaxed/relaxed",
        "h": ":".join(signed),
        "b": "",
    }
    data = hashes.signed_data(signed, _field("ARC-Message-Signature", tags), relaxed=True)
    signature = _field("ARC-Message-Signature", tags, signer.sign(data), line)

    tags = {**common, "cv": status, "b": ""}
    covered = [f for one in sets for f in (one.results, one.message_signature, one.seal)]
    covered += [results, signature]
    data = b"".join([canonical_field(field, relaxed=True) for field in covered])
    data += unsigned(_field("ARC-Seal", tags), relaxed=True)
    return results, signature, _field("ARC-Seal", tags, signer.sign(data), line)


def _newest(header: Header) -> tuple[int, bool]:
    """The highest instance of a chain, however broken, and whether its seal says that it is over."""
    newest, is_over = 0, False
    for name in ("arc-seal", "arc-message-signature", "arc-authentication-results"):
        for field in header.all(name)[: 2 * LIMITS.arc_sets]:
            parts = [part.partition(b"=") for part in field.unfolded.split(b";")]
            tags = {key.strip(): value.strip() for key, _, value in parts}
            instance = tags.get(b"i", b"")
            if instance.isdigit() and len(instance) < 4 and int(instance) >= newest:
                is_over = tags.get(b"cv") == b"fail" or (is_over and int(instance) == newest)
                newest = int(instance)
    return newest, is_over


def merged_account(header: Header, authserv_id: str) -> str:
    """One body of all Authentication-Results of ours (RFC 8617 5.1): for a filter before us."""
    parts = [
        field.value.partition(";")[2].strip().rstrip(";")
        for field in header.all("authentication-results")
        if claims_authserv_id(field.value, authserv_id)
    ]
    return "; ".join([authserv_id, *parts]) if parts else ""


def _field(
    name: str, tags: Mapping[str, str], signature: bytes = b"", line: int = _LINE
) -> Field:
    """A signature field; ARC's tags stand in the order of their names, as in its public suite."""
    shown = dict(tags) if name == "DKIM-Signature" else dict(sorted(tags.items()))
    text = signature.decode("ascii")
    shown["b"] = "\n\t".join(text[start : start + line] for start in range(0, len(text), line))
    shown["h"] = _fold_names(shown.get("h", ""))
    parts = [f"{key}={value}" for key, value in shown.items() if value or key == "b"]
    lines = [" " + parts[0]]
    for part in parts[1:]:
        used = len(lines[-1].rpartition("\t")[2])
        if used + 2 + len(part.partition("\n")[0]) > _WIDTH:
            lines[-1] += ";"
            lines.append(part)
        else:
            lines[-1] += f"; {part}"
    return Field(name, "\n\t".join(lines).encode("ascii"))


def _fold_names(names: str) -> str:
    """h= with a fold after a colon where a line would get too long."""
    lines = [""]
    for name in names.split(":"):
        if lines[-1] and len(lines[-1]) + 1 + len(name) > _LINE:
            lines.append("")
        lines[-1] += f":{name}" if lines[-1] else name
    return ":\n\t".join(lines)


def _fold(value: str) -> bytes:
    """Fold at spaces so that lines keep to 78 characters where they can; ASCII only."""
    lines = [""]
    for word in value.encode("ascii", "replace").decode("ascii").split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] or len(lines) == 1 else word
    return "\n\t".join(lines).encode("ascii")
