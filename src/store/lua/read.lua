#!lua flags=no-writes
-- Reads a page of a conversation.
--
-- KEYS[1] messages, KEYS[2] index, KEYS[3] state: see conversation.lua
-- ARGV[1] 'room' or 'dm'
-- ARGV[2] age in µs after which a message is gone, even if it is still there
-- ARGV[3] messages at most
-- ARGV[4] optional, an instant: only what stands before the message with this createTime, or, if
--         there is none, before this position. So whoever pages with the createTime of the oldest
--         message that it got skips none and gets none twice, wherever that message stands; but for
--         two messages that two nodes delivered in the same µs.
--
-- Returns {text, position, text, position, ...}, newest first, with one message more than asked for
-- when there is one. The position is '' where the index has lost it.
local limit = ARGV[3] + 1
local before = ARGV[4]
if before then
  before = redis.call('HGET', KEYS[3], 'at:' .. to_text(tonumber(before))) or before
end
if is_room then
  return redis.call('ZRANGE', KEYS[1], before and '(' .. before or '+inf', format('%.0f', cutoff),
    'BYSCORE', 'REV', 'LIMIT', 0, limit, 'WITHSCORES')
end

local stop = before and place(tonumber(before)) or redis.call('LLEN', KEYS[1])
if stop == 0 then return {} end
local texts = redis.call('LRANGE', KEYS[1], math.max(stop - limit, 0), stop - 1)
local ids = {}
for at = 1, #texts do ids[at] = id_of(texts[at]) end
local positions = #ids > 0 and redis.call('HMGET', KEYS[2], unpack(ids))
local oldest = to_text(cutoff)
local page = {}
for at = #texts, 1, -1 do
  local position, text = positions[at], texts[at]
  local is_kept
  if position then is_kept = tonumber(position) >= cutoff else is_kept = raw_field(text, 'createTime') >= oldest end
  if is_kept then page[#page + 1], page[#page + 2] = text, position or '' end
end
return page
