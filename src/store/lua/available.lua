#!lua
-- Notes that a user may be drawn for a call.
--
-- KEYS[1] available:webrtc
-- ARGV[1] user
-- ARGV[2] milliseconds after which the key lapses unless it is renewed
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
