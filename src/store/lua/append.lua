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
-- nothing but, with ARGV[7], the time in the text.
--
-- Whatever can fail on a key of a wrong type stands before the first write.
local TRIM_MAX = 64

local stored_last = redis.call('HGET', KEYS[3], 'last')
local last = tonumber(stored_last or 0)
local at = tonumber(ARGV[7])

local known = redis.call('HGET', KEYS[2], ARGV[4])
if known then
  local position, older, text = tonumber(known), nil, nil
  if is_room then
    older = redis.call('ZRANGE', KEYS[1], '(' .. known, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1,
      'WITHSCORES')[2]
    text = at and redis.call('ZRANGE', KEYS[1], known, known, 'BYSCORE')[1]
    if text then
      redis.call('ZREM', KEYS[1], text)
      redis.call('ZADD', KEYS[1], known, ARGV[5] .. to_text(at) .. ARGV[6])
    end
  else
    local found = place(position)
    text = found > 0 and redis.call('LINDEX', KEYS[1], found - 1)
    older = text and redis.call('HGET', KEYS[2], id_of(text))
    text = at and redis.call('LINDEX', KEYS[1], found)
    if text and id_of(text) == ARGV[4] then
      redis.call('LSET', KEYS[1], found, ARGV[5] .. to_text(at) .. ARGV[6])
    end
  end
  return { position, tonumber(older or redis.call('HGET', KEYS[3], 'trimmed') or 0), 1 }
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

-- A busy conversation is spared: only the first message of a second looks at the age and renews
-- the expiry.
local is_due = count == 1 or floor(last / 1000000) ~= floor(now / 1000000)
local surplus = count - ARGV[3]
if is_due then surplus = math.max(surplus, count_aged()) end
if surplus > 0 then
  local trimmed = format('%.0f', pop(math.min(surplus, TRIM_MAX)))
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
