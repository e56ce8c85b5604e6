"""redis_dmarc - DMARC results until they are reported, in Redis or Valkey, of several machines together.

Owns:   RedisReports (core.stores.DmarcReportStore); its keys: PREFIX:1:{dmarc}:days (set), and with the tag
        {dDAY} of one day :domains (set), :total, :of:DOMAIN (hash: result -> count), :claim:NAME.
Rules of this file: one script a message; a day holds at most MAX_RESULTS distinct results.
Not here: what a result is (dmarc), servers (door, link).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from filterd.core.stores import DmarcSeen
from filterd.store.dmarc import DAY, PAGE, pack, unpack
from filterd.store.door import Door
from filterd.store.link import Link
from filterd.store.server import Script
from filterd.store.settings import StoreSettings

MAX_RESULTS = 200_000  # distinct ones a day; about 500 bytes each
KEEP_SECONDS = 400 * DAY  # garbage of an installation that is gone

# KEYS: results of the domain, domains, total; ARGV: result, domain, most, seconds to keep.
ADD = Script("""
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[3]) then return 0 end
  redis.call('INCR', KEYS[3])
  redis.call('SADD', KEYS[2], ARGV[2])
  redis.call('HSET', KEYS[1], ARGV[1], 0)
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[4]) end
end
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
""")


class RedisReports:
    """Thread-safe, and safe between processes and machines."""

    def __init__(self, settings: StoreSettings) -> None:
        self._door = Door(settings, "dmarc", self._ask_for_days)
        self._days_key = f"{self._door.root}{{dmarc}}:days"
        self._known_days: set[int] = set()  # said to be there by this process

    def add(self, seen: DmarcSeen, now: float) -> None:
        day = int(now // DAY)
        if day not in self._known_days:
            self._door.call("SADD", self._days_key, day)
            self._known_days = {day}
        domain = seen.policy_domain
        keys = [self._results(day, domain), self._key(day, "domains"), self._key(day, "total")]
        self._door.run(ADD, keys, pack(seen), domain, MAX_RESULTS, KEEP_SECONDS)

    def days(self) -> Sequence[int]:
        reply = self._door.call("SMEMBERS", self._days_key)
        return sorted(day for day in map(int, reply) if self._domains(day))

    def results(self, day: int) -> Iterator[tuple[DmarcSeen, int]]:
        for domain in self._domains(day):
            for text, count in self._of(self._results(day, domain)).items():
                yield unpack(text.decode()), count

    def drop(self, day: int, policy_domain: str = "") -> None:
        if policy_domain:
            self._forget(day, [policy_domain])
            return
        for old in (known for known in self.days() if known <= day):
            self._forget(old, self._domains(old))

    def claim(self, day: int, name: str, now: float, seconds: float) -> bool:
        key = self._key(day, f"claim:{name}")
        taken = self._door.call("SET", key, now, "NX", "PX", _milliseconds(seconds))
        return taken is not None

    def hold(self, day: int, name: str, now: float, seconds: float) -> None:
        key = self._key(day, f"claim:{name}")
        if seconds > 0:
            self._door.call("SET", key, now, "PX", _milliseconds(seconds))
        else:
            self._door.call("DEL", key)

    def close(self) -> None:
        """Close connections; the next use opens anew."""
        self._door.close()

    # -- inside -------------------------------------------------------------------------------

    def _of(self, key: str) -> dict[bytes, int]:
        """All results of one domain, read a page at a time."""
        found: dict[bytes, int] = {}
        cursor = b"0"
        while True:
            cursor, page = self._door.call("HSCAN", key, cursor, "COUNT", PAGE)
            found.update(zip(page[::2], map(int, page[1::2]), strict=True))
            if cursor == b"0":
                return found

    def _domains(self, day: int) -> list[str]:
        reply = self._door.call("SMEMBERS", self._key(day, "domains"))
        return sorted(name.decode() for name in reply)

    def _forget(self, day: int, domains: Sequence[str]) -> None:
        key = self._key(day, "domains")
        for domain in domains:
            self._door.many([("UNLINK", self._results(day, domain)), ("SREM", key, domain)])
        if not self._domains(day):
            self._door.call("SREM", self._days_key, day)
            self._known_days.discard(day)

    def _results(self, day: int, domain: str) -> str:
        return self._key(day, f"of:{domain}")

    def _key(self, day: int, name: str) -> str:
        return f"{self._door.root}{{d{day}}}:{name}"

    def _ask_for_days(self, link: Link) -> None:
        link.call(("SCARD", self._days_key))


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
