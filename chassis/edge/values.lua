-- Values of fields by kind, as protobuf's JSON mapping has them. A reader takes the text and the position of a value,
-- and returns the position after it; or nothing and what the value must be. What it refuses is read once more as any
-- JSON, so a reader needs no care for text that is broken.
local byte, find, match, sub, format = string.byte, string.find, string.match, string.sub, string.format
local QUOTE = json.QUOTE

local read = {}

function read.string(text, at)
  if byte(text, at) ~= QUOTE then return nil, "must be a string" end
  return json.string_end(text, at)
end

function read.bool(text, at)
  local here = byte(text, at)
  if here ~= 102 and here ~= 116 then return nil, "must be true or false" end
  return json.literal_end(text, at)
end

-- A number, in quotes or not: where its digits begin and end (exclusive), the position after the value, and whether it
-- is without fraction and exponent.
local function numeral(text, at)
  local from = byte(text, at) == QUOTE and at + 1 or at
  local to, plain = json.number_end(text, from)
  if not to then return end
  if from == at then return from, to, to, plain end
  if byte(text, to) == QUOTE then return from, to, to + 1, plain end
end

-- Whole numbers of 32 bits. `5.0` is one, as JSON has no integers; "5.0" isn't.
local function whole(low, high)
  local problem = format("must be a whole number from %.0f to %.0f", low, high)
  return function(text, at)
    local from, to, after, plain = numeral(text, at)
    if not from then return nil, problem end
    -- Up to nine characters need no look at the value.
    if plain and to - from < 10 and (low < 0 or byte(text, from) ~= 45) then return after end
    local number = tonumber(sub(text, from, to - 1))
    if number < low or number > high or number % 1 ~= 0 or not (plain or from == at) then return nil, problem end
    return after
  end
end

read.int32 = whole(-2147483648, 2147483647)
read.uint32 = whole(0, 4294967295)

-- Whole numbers of 64 bits, whose digits are compared as text: a Lua number can't hold them.
local function long(lowest, highest)
  local problem = format("must be a whole number from %s to %s", lowest == "0" and "0" or "-" .. lowest, highest)
  return function(text, at)
    local from, to, after, plain = numeral(text, at)
    if not from then return nil, problem end
    local sign, digits = match(text, "^(%-?)(%d+)", from)
    if plain then
      local limit = sign == "-" and lowest or highest
      if #digits < #limit or (#digits == #limit and digits <= limit) then return after end
    elseif from == at then
      local number = tonumber(sub(text, from, to - 1))
      -- 2^53: up to here every whole number is exact.
      if number % 1 == 0 and number <= 9007199254740992 and number >= (lowest == "0" and 0 or -9007199254740992) then
        return after
      end
    end
    return nil, problem
  end
end

read.int64 = long("9223372036854775808", "9223372036854775807")
read.uint64 = long("0", "18446744073709551615")

local function real(highest)
  return function(text, at)
    local from, to, after = numeral(text, at)
    if not from then
      local word = match(text, '^"(%-?%a+)"', at)
      if word == "NaN" or word == "Infinity" or word == "-Infinity" then return at + #word + 2 end
      return nil, "must be a number"
    end
    local number = tonumber(sub(text, from, to - 1))
    if number > highest or number < -highest then return nil, "must be a number of a smaller magnitude" end
    return after
  end
end

read.double = real(1.7976931348623157e308)
read.float = real(3.4028234663852886e38)

-- By name, or by a number: whether one is known to this version is the service's to say.
function read.enum(text, at, enum)
  local name = match(text, '^"([%w_]+)"', at)
  if name then
    if enum.known[name] then return at + #name + 2 end
    return nil, enum.problem
  end
  local after, plain = json.number_end(text, at)
  if after and plain and read.int32(text, at) then return after end
  return nil, enum.problem
end

-- The standard or the URL-safe alphabet, with or without padding.
function read.bytes(text, at)
  local problem = "must be base64 in a string"
  if byte(text, at) ~= QUOTE then return nil, problem end
  local after = json.string_end(text, at)
  local digits, padding = match(json.unescaped(sub(text, at + 1, after - 2)), "^([%w+/_-]*)(=?=?)$")
  if not digits or #digits % 4 == 1 or (padding ~= "" and (#digits + #padding) % 4 ~= 0) then return nil, problem end
  if find(digits, "[+/]") and find(digits, "[_-]") then return nil, problem end
  return after
end

local DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_day(year, month, day)
  if month < 1 or month > 12 or day < 1 or day > DAYS[month] then return false end
  return month ~= 2 or day < 29 or (year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0))
end

local function is_zone(zone, year)
  if zone == "Z" then return true end
  local hours, minutes = match(zone, "^[+-](%d%d):(%d%d)$")
  -- An offset leads out of the range in its first or last hours only; those two years are refused whole.
  return hours and tonumber(hours) < 24 and tonumber(minutes) < 60 and year > 1 and year < 9999
end

-- The inside of a string of at most 40 bytes, and the position after it. Patterns that go back are for these only.
local function short_string(text, at)
  if byte(text, at) ~= QUOTE then return end
  local close = find(text, '"', at + 1, true)
  if close and close - at <= 41 then return sub(text, at + 1, close - 1), close + 1 end
end

function read.timestamp(text, at)
  local inside, after = short_string(text, at)
  local year, month, day, hour, minute, second, rest =
    match(inside or "", "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)(.*)$")
  if year then
    local fraction, zone = match(rest, "^%.(%d+)(.*)$")
    year = tonumber(year)
    if
      year > 0
      and is_day(year, tonumber(month), tonumber(day))
      and tonumber(hour) < 24
      and tonumber(minute) < 60
      and tonumber(second) < 60
      and (not fraction or #fraction < 10)
      and is_zone(zone or rest, year)
    then
      return after
    end
  end
  return nil, "must be a time as 2026-11-23T17:00:00Z"
end

-- Seconds. The bound is protobuf's: 10,000 years.
function read.duration(text, at)
  local inside, after = short_string(text, at)
  local seconds, fraction = match(inside or "", "^%-?(%d+)(%.?%d*)s$")
  local is_valid = seconds and #fraction < 11 and fraction ~= "." and tonumber(seconds .. fraction) <= 315576000000
  if is_valid then return after end
  return nil, "must be a duration in seconds as 90s or 1.5s"
end

function read.mask(text, at)
  local paths = match(text, '^"([%w_.,*]*)"', at)
  if not paths then return nil, "must be field paths separated by commas" end
  return at + #paths + 2
end

function read.object(text, at, _, depth)
  if byte(text, at) ~= json.OPEN_OBJECT then return nil, "must be an object" end
  return json.any_end(text, at, depth)
end

function read.list(text, at, _, depth)
  if byte(text, at) ~= json.OPEN_LIST then return nil, "must be a list" end
  return json.any_end(text, at, depth)
end

function read.value(text, at, _, depth)
  return json.any_end(text, at, depth)
end

return read
