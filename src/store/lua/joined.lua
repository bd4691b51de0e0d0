#!lua
-- Notes that a connection is in a room.
--
-- KEYS[1] room:members:R, KEYS[2] connections:R, KEYS[3] user:rooms:U, KEYS[4] rooms:active
-- ARGV[1] user, ARGV[2] room, ARGV[3] connection (`user|node|session`)
-- ARGV[4] milliseconds after which the keys lapse unless they are renewed
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('SADD', KEYS[3], ARGV[2])
local time = redis.call('TIME')
local created = string.format('%.0f', math.floor(time[1] * 1000 + time[2] / 1000))
redis.call('ZADD', KEYS[4], 'NX', created, ARGV[2])
for key = 1, 4 do redis.call('PEXPIRE', KEYS[key], ARGV[4]) end
return 1
