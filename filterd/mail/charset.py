"""charset - bytes of any claimed charset as text; never fails, never a codec that is no charset.

Owns:   decode, codec_of.
Rules of this file: the claimed name is looked up in a closed table before Python's codecs see it, so
        mail cannot reach "zlib", "unicode_escape" or fill the codec cache with invented names.
        Names are read as browsers read them (WHATWG Encoding 4.2): ISO-8859-1 is windows-1252,
        GB2312 is GB18030, KS C 5601 is CP949.
"""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases
from functools import lru_cache

GUESS_BYTES = 1_024  # enough for charset-normalizer; its cost grows with the sample
_GUESSED = (
    "cp1252", "cp1251", "koi8_r", "gb18030", "cp932", "cp949", "big5hkscs", "cp1250", "cp1253",
    "cp1254", "cp1255", "cp1256", "cp874", "euc_jp",
)  # fmt: skip
_NO_TEXT = {
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec",
    "mbcs", "oem", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape",
    "unicode_internal", "tactis",
}  # fmt: skip
_WIDER = {
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "ksx1001": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "utf_8_sig": "utf_8",
    "iso2022_jp": "iso2022_jp_ext",
}
_MORE = {
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
    "utf8mb4": "utf_8",
    "unicode": "utf_16",
    "x_sjis": "cp932",
    "x_gbk": "gb18030",
    "x_euc_jp": "euc_jp",
    "x_mac_roman": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_6_i": "iso8859_6",
    "ansi_x3_110_1983": "cp1252",
    "windows_874": "cp874",
    "windows_949": "cp949",
    "windows_936": "gb18030",
    "windows_31j": "cp932",
    "ks_c_5601_1992": "cp949",
    "koi8_ru": "koi8_u",
    "koi": "koi8_r",
}
_NAME = re.compile(r"[a-z0-9_]{2,40}\Z")
_NOT_NAME = re.compile(r"[^a-z0-9]+")


def _table() -> dict[str, str]:
    """Every accepted name -> the Python codec it is read with."""
    names = {module: module for module in aliases.values()} | dict(aliases) | _MORE
    names |= {"cp" + n: "cp" + n for n in ("720", "737", "856", "874", "875", "1006")}
    names |= {
        n: n for n in ("koi8_r", "koi8_u", "koi8_t", "mac_roman", "iso8859_6", "iso8859_8")
    }
    names |= {f"windows_{n}": f"cp{n}" for n in range(1250, 1259)}
    names |= {f"iso_8859_{n}": f"iso8859_{n}" for n in range(1, 17) if n != 12}
    names |= {f"iso8859_{n}": f"iso8859_{n}" for n in range(1, 17) if n != 12}
    return {
        name: _WIDER.get(codec, codec) for name, codec in names.items() if codec not in _NO_TEXT
    }


_CODECS = _table()


@lru_cache(maxsize=1024)
def codec_of(charset: str) -> str | None:
    """The Python codec for a claimed charset, "ascii" for US-ASCII, None where it is unknown."""
    name = _NOT_NAME.sub("_", charset[:60].lower()).strip("_")
    if _NAME.match(name) is None:
        return None
    return _CODECS.get(name)


def decode(data: bytes, charset: str = "") -> str:
    """The text of the bytes; what the charset cannot read becomes U+FFFD.

    ASCII and UTF-8 are tried before an absent, unknown or plainly wrong claim; the last resort is
    charset-normalizer on at most 1 KiB.
    """
    codec = codec_of(charset) if charset else None
    if codec is None or codec in {"ascii", "utf_8"}:
        return _unclaimed(data, may_guess=codec is None)
    if codec.startswith(("utf_16", "utf_32")):
        return _wide(data, codec)
    if codec == "utf_7":
        return _surrogates_off(data.decode("utf_7", "replace"))
    try:
        return data.decode(codec, "replace")
    except (UnicodeError, LookupError, ValueError):
        return data.decode("cp1252", "replace")


def _unclaimed(data: bytes, *, may_guess: bool) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _wide(data, "utf_16")
    try:
        return data.decode("utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8")
    except UnicodeDecodeError as error:
        # A text cut at a limit may end inside a character; a few bad bytes do not make it 8-bit.
        good = data[: error.start]
        seen = len(good) - len(good.decode("utf-8", "ignore"))  # bytes beyond one a character
        if seen >= 20 or (seen and error.reason == "unexpected end of data"):
            return data.decode("utf-8", "replace")
    return data.decode(_guess(data) if may_guess else "cp1252", "replace")


def _guess(data: bytes) -> str:
    """The codec of unlabelled 8-bit bytes, by a bounded sample of lines that are not ASCII."""
    lines = data[: 32 * GUESS_BYTES].split(b"\n")
    sample = b"\n".join(line for line in lines if not line.isascii())[:GUESS_BYTES]
    return _guess_sample(sample)


@lru_cache(maxsize=256)
def _guess_sample(sample: bytes) -> str:
    high = sum(byte > 0x7F for byte in sample)
    if high < 6 or high * 20 < len(sample):
        return "cp1252"  # few accents: a western language; the guess would be a coin toss
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(_GUESSED), steps=2, chunk_size=256).best()
    return best.encoding if best is not None and best.encoding != "ascii" else "cp1252"


def _wide(data: bytes, codec: str) -> str:
    """UTF-16 and UTF-32; bytes without any NUL that claim to be it are what they look like."""
    if b"\0" not in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return _surrogates_off(data.decode(codec, "replace"))


def _surrogates_off(text: str) -> str:
    """Lone surrogates replaced, so that the text can be encoded again."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
