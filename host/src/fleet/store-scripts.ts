/**
 * What is done to the store in one piece, as scripts that Redis runs one at a time. A worker that is cut off may come back
 * at any moment and go on: so whatever it writes about a cell is written only while the cell's lock is its own.
 */

/** KEYS workers, about; ARGV id, record, milliseconds after which one that is silent is forgotten. Returns the time. */
export const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, silent in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[3]))) do
  redis.call('ZREM', KEYS[1], silent)
  redis.call('HDEL', KEYS[2], silent)
end
return now`;

/**
 * Renews a lock. One that ran out, since Redis was away, is taken again as long as nobody else has come to the cell: then it
 * still stands in the list of active ones. KEYS lock, active, stalled; ARGV token, job, milliseconds. Returns 1 or 0.
 */
export const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and not redis.call('LPOS', KEYS[2], ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SREM', KEYS[3], ARGV[2])
return 1`;

/** KEYS lock, checkpoints, blob; ARGV token, job, record, bytes, prefix of blobs, name of the blob. Returns 1 or 0. */
export const CHECKPOINT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('STRLEN', KEYS[3]) ~= tonumber(ARGV[4]) then
  redis.call('UNLINK', KEYS[3])
  return 0
end
local before = redis.call('HGET', KEYS[2], ARGV[2])
if before then
  local blob = cjson.decode(before).blob
  if blob ~= ARGV[6] then redis.call('UNLINK', ARGV[5] .. blob) end
end
redis.call('PERSIST', KEYS[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1`;

/**
 * Publishes a result: once, whole, and only by the holder of the lock. KEYS lock, results, checkpoints, failures, changes,
 * blob; ARGV token, job, record, bytes, prefix of blobs, name of the blob. Returns published, there, lost or incomplete.
 */
export const PUBLISH = `
local before = redis.call('HGET', KEYS[2], ARGV[2])
if before then
  if cjson.decode(before).blob == ARGV[6] then return 'published' end
  redis.call('UNLINK', KEYS[6])
  return 'there'
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  redis.call('UNLINK', KEYS[6])
  return 'lost'
end
if redis.call('STRLEN', KEYS[6]) ~= tonumber(ARGV[4]) then return 'incomplete' end
local checkpoint = redis.call('HGET', KEYS[3], ARGV[2])
if checkpoint then redis.call('UNLINK', ARGV[5] .. cjson.decode(checkpoint).blob) end
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('HDEL', KEYS[4], ARGV[2])
redis.call('PERSIST', KEYS[6])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('INCR', KEYS[5])
return 'published'`;

/** KEYS lock, failures, changes; ARGV token, job, record. Returns 1 or 0. */
export const FAIL = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('INCR', KEYS[3])
return 1`;
