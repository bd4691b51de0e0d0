#!lua flags=allow-oom
-- Notes that a connection is no longer in a room.
--
-- KEYS[1] room:members:R, KEYS[2] connections:R, KEYS[3] user:rooms:U, KEYS[4] rooms:active,
-- KEYS[5] room:R, which exists while the room is registered
-- ARGV[1] user, ARGV[2] room, ARGV[3] connection (`user|node|session`)
-- ARGV[4] 1 if it was the user's last one in the room
redis.call('SREM', KEYS[2], ARGV[3])
if ARGV[4] == '1' then
  redis.call('SREM', KEYS[1], ARGV[1])
  redis.call('SREM', KEYS[3], ARGV[2])
end
if redis.call('EXISTS', KEYS[2], KEYS[5]) == 0 then redis.call('ZREM', KEYS[4], ARGV[2]) end
return 1
