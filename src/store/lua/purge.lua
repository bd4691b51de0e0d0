#!lua flags=allow-oom
-- Removes the messages of a conversation that the bounds no longer allow, so many at a time.
--
-- KEYS[1] messages, KEYS[2] index, KEYS[3] state: see conversation.lua
-- ARGV[1] 'room' or 'dm'
-- ARGV[2] age in µs after which a message is gone
-- ARGV[3] messages kept at most
--
-- Returns how many are left to be removed by the next call.
local PURGE_MAX = 256

local count = redis.call(is_room and 'ZCARD' or 'LLEN', KEYS[1])
local surplus = math.max(count - ARGV[3], count > 0 and count_aged() or 0)
local batch = math.min(surplus, PURGE_MAX)
if batch > 0 then
  local trimmed = pop(batch, redis.call('HGET', KEYS[3], 'strays'))
  redis.call('HSET', KEYS[3], 'trimmed', format('%.0f', trimmed))
end
-- A key that was recreated after an eviction would otherwise stay for ever.
for key = 1, 3 do
  if redis.call('PTTL', KEYS[key]) == -1 then
    redis.call('PEXPIRE', KEYS[key], format('%.0f', ARGV[2] / 1000))
  end
end
return surplus - batch
