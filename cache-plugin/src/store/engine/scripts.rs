//! Scripts in Lua, each of which the engine carries out in one step, for the keys of one slot of a cluster.
//!
//! Each tells a channel of what it is about to change, before it changes it. So whoever hears of both finds the
//! engine's own notifications of the change after what the script said, and knows that they are of the same change. A
//! key whose time is over is looked up first, which makes the engine say that it has expired.
//!
//! A message is a letter of [`Kind`] and a key. An engine that lets nobody publish carries operations out all the same.

use redis::Script;

/// The kind of a change, and the letter that it has in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value is stored.
    Stored,
    /// An entry is deleted.
    Deleted,
    /// An entry is deleted along with all others, which is told when that is done.
    Emptied,
    /// All entries are deleted.
    Cleared,
}

impl Kind {
    /// The change and the key of a message.
    pub(super) fn read(message: &[u8]) -> Option<(Self, &[u8])> {
        let (letter, key) = message.split_first()?;
        let kind = match letter {
            b'+' => Self::Stored,
            b'-' => Self::Deleted,
            b'~' => Self::Emptied,
            b'*' => Self::Cleared,
            _ => return None,
        };
        Some((kind, key))
    }
}

/// The scripts. The first argument of each is the channel.
#[derive(Debug)]
pub(super) struct Scripts {
    /// Store a value under a key, for so many milliseconds if there is a third argument.
    pub(super) store: Script,
    /// Store values under several keys.
    pub(super) store_many: Script,
    /// Store a value where there is none. The answer says whether there was none.
    pub(super) add: Script,
    /// Delete an entry.
    pub(super) delete: Script,
    /// Delete entries of several keys, without an event for each.
    pub(super) empty: Script,
    /// Put a value in place of another, or, if there is no third argument, nothing. The answer is 1, 0 where nothing
    /// is there, or the other value that is.
    pub(super) swap: Script,
    /// Add to an integer. The answer is the sum, or `{'kind', value}` of what is no integer, or `{'range', number}`.
    pub(super) increment: Script,
    /// Set the milliseconds that an entry has left, or none.
    pub(super) expire: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        let script = |body: &str| Script::new(&format!("{HEAD}{body}"));
        Self {
            store: script(STORE),
            store_many: script(STORE_MANY),
            add: script(ADD),
            delete: script(DELETE),
            empty: script(EMPTY),
            swap: script(SWAP),
            increment: script(INCREMENT),
            expire: script(EXPIRE),
        }
    }
}

const HEAD: &str = "\
local key, channel = KEYS[1], ARGV[1]
local function tell(letter, key) redis.pcall('PUBLISH', channel, letter .. key) end
";

const STORE: &str = "\
redis.call('EXISTS', key)
tell('+', key)
if ARGV[3] then redis.call('SET', key, ARGV[2], 'PX', ARGV[3]) else redis.call('SET', key, ARGV[2]) end
return 1";

const STORE_MANY: &str = "\
for number, key in ipairs(KEYS) do
    redis.call('EXISTS', key)
    tell('+', key)
    redis.call('SET', key, ARGV[number + 1])
end
return 1";

const ADD: &str = "\
if redis.call('EXISTS', key) == 1 then return 0 end
tell('+', key)
if ARGV[3] then redis.call('SET', key, ARGV[2], 'PX', ARGV[3]) else redis.call('SET', key, ARGV[2]) end
return 1";

const DELETE: &str = "\
if redis.call('EXISTS', key) == 0 then return 0 end
tell('-', key)
return redis.call('UNLINK', key)";

const EMPTY: &str = "\
for _, key in ipairs(KEYS) do
    tell('~', key)
    redis.call('UNLINK', key)
end
return 1";

const SWAP: &str = "\
local found = redis.call('GET', key)
if not found then return 0 end
if found ~= ARGV[2] then return found end
if ARGV[3] then
    tell('+', key)
    redis.call('SET', key, ARGV[3], 'KEEPTTL')
else
    tell('-', key)
    redis.call('UNLINK', key)
end
return 1";

/// Numbers of Lua hold 53 bits, so an integer is two of them: one in billions, and one below a billion with the same
/// sign. The second argument is the mark of values that are no strings, the third is what to add.
const INCREMENT: &str = r#"
local function split(text)
    local sign, digits = 1, text
    if text:sub(1, 1) == '-' then sign, digits = -1, text:sub(2) end
    return sign * tonumber('0' .. digits:sub(1, -10)), sign * tonumber(digits:sub(-9))
end
local found = redis.call('GET', key)
local number = '0'
if found then
    local json = found:sub(1, #ARGV[2]) == ARGV[2] and found:sub(#ARGV[2] + 1) or ''
    number = json:match('^{"i8":(.*)}$') or json
    if not number:match('^%-?[1-9]%d*$') and number ~= '0' or #number > 20 then return {'kind', found} end
end
local high, low = split(number)
local more_high, more_low = split(ARGV[3])
high, low = high + more_high, low + more_low
if low >= 1e9 then high, low = high + 1, low - 1e9 end
if low <= -1e9 then high, low = high - 1, low + 1e9 end
if high > 0 and low < 0 then high, low = high - 1, low + 1e9 end
if high < 0 and low > 0 then high, low = high + 1, low - 1e9 end
local negative = high < 0 or low < 0
high, low = math.abs(high), math.abs(low)
local most = negative and 854775808 or 854775807
if high > 9223372036 or high == 9223372036 and low > most then return {'range', number} end
local sum = high > 0 and string.format('%.0f%09.0f', high, low) or string.format('%.0f', low)
if negative then sum = '-' .. sum end
tell('+', key)
if found then redis.call('SET', key, ARGV[2] .. sum, 'KEEPTTL') else redis.call('SET', key, ARGV[2] .. sum) end
return sum"#;

const EXPIRE: &str = "\
if redis.call('EXISTS', key) == 0 then return 0 end
if ARGV[2] then redis.call('PEXPIRE', key, ARGV[2]) else redis.call('PERSIST', key) end
return 1";
