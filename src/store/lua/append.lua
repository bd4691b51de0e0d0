#!lua
-- Stores one message at the next position of its conversation.
--
-- KEYS[1] messages, KEYS[2] index, KEYS[3] state: see conversation.lua
-- ARGV[1] 'room' or 'dm'
-- ARGV[2] age in µs after which a message is gone
-- ARGV[3] messages kept at most
-- ARGV[4] message id
-- ARGV[5] the message's text up to the value of createTime
-- ARGV[6] the text after it
-- ARGV[7] optional: the position at which it was delivered already. It keeps that time, and that
--         position too unless a later one is taken; then it goes behind that.
--
-- Returns {position, the position before it, 1 if it was there already}. The same id again changes
-- nothing, but with ARGV[7] its author's message takes that time, and that position as far as the
-- order of what is stored allows. So a message that Redis stored long after it was delivered goes
-- back to where its receivers saw it, and leaves the time behind it to the next ones.
--
-- Whatever can fail on a key of a wrong type stands before the first write.
local TRIM_MAX = 64

local stored_last, strays = unpack(redis.call('HMGET', KEYS[3], 'last', 'strays'))
local last = tonumber(stored_last or 0)
local at = tonumber(ARGV[7])

local known = redis.call('HGET', KEYS[2], ARGV[4])
if known then
  local position, found = tonumber(known), nil
  local text, older, newer, older_text
  if is_room then
    older = redis.call('ZRANGE', KEYS[1], '(' .. known, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1,
      'WITHSCORES')[2]
    if at then
      text = redis.call('ZRANGE', KEYS[1], known, known, 'BYSCORE')[1]
      newer = redis.call('ZRANGE', KEYS[1], '(' .. known, '+inf', 'BYSCORE', 'LIMIT', 0, 1,
        'WITHSCORES')[2]
    end
  else
    found = place(position)
    older_text = found > 0 and redis.call('LINDEX', KEYS[1], found - 1)
    older = older_text and redis.call('HGET', KEYS[2], id_of(older_text))
    if at then
      text = redis.call('LINDEX', KEYS[1], found)
      newer = redis.call('LINDEX', KEYS[1], found + 1)
      newer = newer and (redis.call('HGET', KEYS[2], id_of(newer)) or known)
    end
  end
  local previous = tonumber(older or redis.call('HGET', KEYS[3], 'trimmed') or 0)
  -- The same id of another author, or of nobody any more, is left alone.
  if text and string.sub(text, 1, #ARGV[5]) == ARGV[5] then
    local wanted = math.max(at, previous + 1)
    local is_behind = older or not older_text or is_before(older_text, wanted)
    if is_behind and not (newer and tonumber(newer) <= wanted) then position = wanted end
    local written, time = format('%.0f', position), to_text(at)
    local moved = ARGV[5] .. time .. ARGV[6]
    if is_room then
      -- In this order, so that the key and its expiry outlast its only message.
      redis.call('ZADD', KEYS[1], written, moved)
      if moved ~= text then redis.call('ZREM', KEYS[1], text) end
    else
      redis.call('LSET', KEYS[1], found, moved)
    end
    redis.call('HSET', KEYS[2], ARGV[4], written)
    if redis.call('HGET', KEYS[3], 'began') == known then
      redis.call('HSET', KEYS[3], 'began', written)
    end
    if not newer then redis.call('HSET', KEYS[3], 'last', written) end
    if strays then redis.call('HDEL', KEYS[3], stray(text)) end
    if position ~= at then redis.call('HSET', KEYS[3], stray(moved), written, 'strays', 1) end
    if not stored_last then redis.call('PEXPIRE', KEYS[3], format('%.0f', ARGV[2] / 1000)) end
  end
  return { position, previous, 1 }
end

local position = at or now
if position <= last then position = last + 1 end
local text = ARGV[5] .. to_text(at or position) .. ARGV[6]
local written = format('%.0f', position)
local count
if is_room then
  redis.call('ZADD', KEYS[1], written, text)
  count = redis.call('ZCARD', KEYS[1])
else
  count = redis.call('RPUSH', KEYS[1], text)
end
redis.call('HSET', KEYS[2], ARGV[4], written)
if at and position ~= at then
  strays = 1
  redis.call('HSET', KEYS[3], stray(text), written, 'strays', strays)
end

-- A busy conversation is spared: only the first message of a second looks at the age and renews
-- the expiry.
local is_due = count == 1 or floor(last / 1000000) ~= floor(now / 1000000)
local surplus = count - ARGV[3]
if is_due then surplus = math.max(surplus, count_aged()) end
if surplus > 0 then
  local trimmed = format('%.0f', pop(math.min(surplus, TRIM_MAX), strays))
  redis.call('HSET', KEYS[3], 'last', written, 'trimmed', trimmed)
else
  redis.call('HSET', KEYS[3], 'last', written)
end
if not stored_last then redis.call('HSET', KEYS[3], 'began', written) end
if is_due then
  local milliseconds = format('%.0f', ARGV[2] / 1000)
  for key = 1, 3 do redis.call('PEXPIRE', KEYS[key], milliseconds) end
end
return { position, last, 0 }
