-- Shared by the scripts that work on one conversation; put in front of each of them.
--
-- KEYS[1] messages: a sorted set by position (room), or a list, oldest first (dm)
-- KEYS[2] index: hash, message id -> position
-- KEYS[3] state: hash
-- ARGV[1] 'room' or 'dm'
-- ARGV[2] the age in µs after which a message is gone
--
-- A position is a number of µs: exact in a double, but only '%.0f' writes it exactly.
local floor, format = math.floor, string.format
local is_room = ARGV[1] == 'room'
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cutoff = now - ARGV[2]

-- RFC 3339 in UTC with µs. Days to a date: Howard Hinnant, "chrono-compatible low-level date
-- algorithms", civil_from_days.
local function to_text(position)
  local seconds = floor(position / 1000000)
  local days = floor(seconds / 86400)
  local shifted = days + 719468
  local era = floor(shifted / 146097)
  local day = shifted - era * 146097
  local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
  day = day - (365 * year + floor(year / 4) - floor(year / 100))
  local month = floor((5 * day + 2) / 153)
  day = day - floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  year = year + era * 400 + (month <= 2 and 1 or 0)
  local rest = seconds - days * 86400
  return format('%04d-%02d-%02dT%02d:%02d:%02d.%06dZ', year, month, day, floor(rest / 3600),
    floor(rest / 60) % 60, rest % 60, position - seconds * 1000000)
end

-- The value of a key of a message's envelope, as it is escaped there. Quotes inside JSON strings
-- are escaped, so the first occurrence of the key is the key, and the payload stands behind it.
local function raw_field(text, name)
  local _, before = string.find(text, ',"' .. name .. '":"', 1, true)
  if not before then return '' end
  local at = before
  repeat
    at = string.find(text, '["\\]', at + 1)
    if not at then return '' end
    local escape = string.byte(text, at) == 92
    if escape then at = at + 1 end
  until not escape
  return string.sub(text, before + 1, at - 1)
end

local function id_of(text)
  local id = raw_field(text, 'messageId')
  if string.find(id, '\\', 1, true) then return cjson.decode('["' .. id .. '"]')[1] end
  return id
end

-- The field of the state under which the position of a message is found by its createTime. It is
-- there, as is the field 'strays', where the two are not the same instant.
local function stray(text) return 'at:' .. raw_field(text, 'createTime') end

-- Whether a message of a list stands before a position; by its time if the index does not know it.
local function is_before(text, position)
  local known = redis.call('HGET', KEYS[2], id_of(text))
  if known then return tonumber(known) < position end
  return raw_field(text, 'createTime') < to_text(position)
end

-- The place in a list of the first message that does not stand before the position.
local function place(position)
  local low, high = 0, redis.call('LLEN', KEYS[1])
  while low < high do
    local middle = floor((low + high) / 2)
    if is_before(redis.call('LINDEX', KEYS[1], middle), position) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- How many of the oldest messages are too old.
local function count_aged()
  if is_room then return redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. format('%.0f', cutoff)) end
  local oldest = redis.call('LINDEX', KEYS[1], 0)
  return oldest and is_before(oldest, cutoff) and place(cutoff) or 0
end

-- Removes the oldest `count` messages, at least one; returns the position of the newest of them.
-- `strays` is the field of the state.
local function pop(count, strays)
  local texts = redis.call(is_room and 'ZPOPMIN' or 'LPOP', KEYS[1], count)
  -- The texts of a room come each with its position.
  local step, ids, fields = is_room and 2 or 1, {}, {}
  for at = 1, #texts, step do
    ids[#ids + 1] = id_of(texts[at])
    if strays then fields[#fields + 1] = stray(texts[at]) end
  end
  -- Where the index has lost the newest, what was trimmed before is still true.
  local position = is_room and texts[#texts] or redis.call('HGET', KEYS[2], ids[#ids])
    or redis.call('HGET', KEYS[3], 'trimmed') or 0
  redis.call('HDEL', KEYS[2], unpack(ids))
  if strays then redis.call('HDEL', KEYS[3], unpack(fields)) end
  return tonumber(position)
end
