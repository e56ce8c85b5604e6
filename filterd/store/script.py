"""script - what Redis runs as one step, in Lua.

Owns:   ATTEMPT (the rules of store.triplet restated), CHARGE, REFUND, PAUSE.
Rules of this file: every key is given in KEYS and shares one hash tag, so a cluster runs it on one
        node; times come from the caller; numbers are kept as text with all their digits. TTLs only
        collect garbage: what has expired is decided by the times in the values.
"""

from __future__ import annotations

from filterd.store.server import Script

# KEYS: ledger, client, triplets...; ARGV: now, delay, window, expiry, passes, touch, day seconds, keep
# -> standing, first, attempts, passes.
ATTEMPT = Script("""
local now, delay, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local expiry, enough, touch = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local day = tonumber(ARGV[7])

local function text(number) return string.format('%.17g', number) end
local function numbers(value)
  local found = {}
  for word in string.gmatch(value, '%S+') do found[#found + 1] = tonumber(word) end
  return found
end
local function put(key, value, expires)
  redis.call('SET', key, value, 'EX', math.max(60, math.ceil(expires - now) + 3600))
end
local function count(first, name)
  local today = math.floor(first / day)
  redis.call('HINCRBY', KEYS[1], today .. ' ' .. name, 1)
end

local passes, counted = 0, nil
local value = redis.call('GET', KEYS[2])
if value then
  local client = numbers(value)
  if client[3] > now then passes, counted = client[1], client[2] end
end
local function count_pass()
  if counted and now - counted < touch then return false end
  passes = passes + 1
  put(KEYS[2], passes .. ' ' .. text(now) .. ' ' .. text(now + expiry), now + expiry)
  return true
end

if enough > 0 and passes >= enough then
  local before = passes
  count_pass()
  return {'allowed', text(now), 0, before}
end

local first, attempts, through, fresh, there = now, 0, false, true, 0
for index = 3, #KEYS do
  value = redis.call('GET', KEYS[index])
  local known = value and numbers(value)
  if known and known[5] > now then
    there = there + 1
    if known[1] < first then first = known[1] end
    attempts = math.max(attempts, known[2])
    if known[3] > 0 then through = true end
    if known[3] == 0 or now - known[4] >= touch then fresh = false end
  else
    fresh = false
  end
end
attempts = attempts + 1

local function write(passed, expires)
  value = text(first) .. ' ' .. attempts .. ' ' .. text(passed) .. ' ' .. text(now) .. ' '
    .. text(expires)
  for index = 3, #KEYS do put(KEYS[index], value, expires) end
end

if not through and (there == 0 or now - first < delay) then
  write(0, first + window)
  if there > 0 then return {'early', text(first), attempts, passes} end
  count(first, 'deferred')
  local swept = tonumber(redis.call('HGET', KEYS[1], 'swept') or '0')
  local today = math.floor(now / day)
  if swept < today then
    redis.call('HSET', KEYS[1], 'swept', today)
    for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
      local of = tonumber(string.match(name, '^(%-?%d+) '))
      if of and of < math.floor((now - tonumber(ARGV[8])) / day) then
        redis.call('HDEL', KEYS[1], name)
      end
    end
  end
  return {'first', text(first), attempts, passes}
end
if through then
  local is_counted = count_pass()
  if is_counted or not fresh then write(now, now + expiry) end
  return {'known', text(first), attempts, passes}
end
count_pass()
write(now, now + expiry)
count(first, 'returned')
local bucket = math.floor(math.log(math.max(now - first, 1)) / math.log(2) * 4)
count(first, 'd' .. bucket)
return {'passed', text(first), attempts, passes}
""")

_LEVEL = """
local now, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local function text(number) return string.format('%.17g', number) end
local function level(index)
  local value = redis.call('GET', KEYS[index])
  if not value then return 0 end
  local held, at = string.match(value, '^(%S+) (%S+)')
  if tonumber(at) > now + 86400 then return 0 end
  local speed = tonumber(ARGV[index * 3]) / tonumber(ARGV[index * 3 + 1])
  return math.max(0, tonumber(held) - math.max(0, now - tonumber(at)) * speed)
end
local function fill(index, held)
  local empty = held * tonumber(ARGV[index * 3 + 1]) / tonumber(ARGV[index * 3])
  redis.call('SET', KEYS[index], text(held) .. ' ' .. text(now) .. ' ' .. text(now + empty),
    'EX', math.ceil(empty) + 60)
end
"""

# KEYS: buckets; ARGV: now, cost, then limit, period, burst of each -> levels.
CHARGE = Script(
    _LEVEL
    + """
local levels, fits = {}, true
for index = 1, #KEYS do
  levels[index] = level(index) + cost
  if levels[index] > tonumber(ARGV[index * 3 + 2]) then fits = false end
end
for index = 1, #KEYS do
  if fits then fill(index, levels[index]) end
  levels[index] = text(levels[index])
end
return levels
"""
)

REFUND = Script(
    _LEVEL
    + """
for index = 1, #KEYS do fill(index, math.max(0, level(index) - cost)) end
return 0
"""
)

# KEYS: pauses; ARGV: now, zone, until, value -> 1 when the zone was not paused yet.
PAUSE = Script("""
local known = redis.call('HGET', KEYS[1], ARGV[2])
local until_then = known and tonumber(string.match(known, '^(%S+)')) or 0
if until_then < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
  redis.call('EXPIRE', KEYS[1], 86400)
end
return until_then <= tonumber(ARGV[1]) and 1 or 0
""")
