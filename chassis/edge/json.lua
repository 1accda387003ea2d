-- JSON text by RFC 8259 and nothing looser. Nothing is built: a function takes the text and a position, and returns
-- the position after what it read. What isn't JSON ends the reading by error().
local byte, char, find, match, sub = string.byte, string.char, string.find, string.match, string.sub
local floor = math.floor

-- Levels. Above what the contract nests, and below what the transcoder and protobuf take (100).
local DEEPEST = 64
local NOWHERE = math.huge
local QUOTE, COMMA, COLON, OPEN_LIST, OPEN_OBJECT, CLOSE_OBJECT = 34, 44, 58, 91, 123, 125
local SPACE, NEWLINE, RETURN, TAB = 32, 10, 13, 9

-- Where the next backslash and the next control character are: a plain string then costs one search.
local escape_at, control_at

local function malformed(at, wanted)
  error({ at = at, wanted = wanted }, 0)
end

local function next_control(text, at)
  for position = at, #text do
    if byte(text, position) < 32 then return position end
  end
  return NOWHERE
end

-- Must be called before a text is read.
local function begin(text)
  escape_at = find(text, "\\", 1, true) or NOWHERE
  control_at = next_control(text, 1)
end

-- The first position at or after `at` that holds no white space, and the byte there.
local function skip_space(text, at)
  local here = byte(text, at)
  while here == SPACE or here == NEWLINE or here == RETURN or here == TAB do
    at = at + 1
    here = byte(text, at)
  end
  return at, here
end

-- `at` is a backslash in a string.
local function escape_end(text, at)
  if find(text, '^["/\\bfnrt]', at + 1) then return at + 2 end
  local unit = match(text, "^u(%x%x%x%x)", at + 1)
  if not unit then malformed(at, "a valid escape sequence") end
  unit = tonumber(unit, 16)
  if unit < 0xD800 or unit > 0xDFFF then return at + 6 end
  if unit < 0xDC00 and find(text, "^\\u[dD][c-fC-F]%x%x", at + 6) then return at + 12 end
  malformed(at, "both halves of a surrogate pair")
end

-- `at` is the opening quote.
local function string_end(text, at)
  local close = find(text, '"', at + 1, true) or NOWHERE
  if escape_at < at then escape_at = find(text, "\\", at, true) or NOWHERE end
  while escape_at < close do
    local after = escape_end(text, escape_at)
    if close < after then close = find(text, '"', after, true) or NOWHERE end
    escape_at = find(text, "\\", after, true) or NOWHERE
  end
  if control_at < at then control_at = next_control(text, at) end
  if control_at < close then malformed(control_at, "control characters in strings to be escaped") end
  if close == NOWHERE then malformed(#text + 1, "a closing quote") end
  return close + 1
end

local CHARACTERS = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
  if code < 0x80 then return char(code) end
  local last = char(0x80 + code % 64)
  if code < 0x800 then return char(0xC0 + floor(code / 64)) .. last end
  last = char(0x80 + floor(code / 64) % 64) .. last
  if code < 0x10000 then return char(0xE0 + floor(code / 4096)) .. last end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64) .. last
end

-- What the inside of a string that was read stands for.
local function unescaped(inside)
  local parts, at = {}, 1
  local slash = find(inside, "\\", 1, true)
  while slash do
    parts[#parts + 1] = sub(inside, at, slash - 1)
    local mark = sub(inside, slash + 1, slash + 1)
    at = slash + 2
    if mark == "u" then
      local code = tonumber(sub(inside, at, at + 3), 16)
      at = at + 4
      if code >= 0xD800 and code <= 0xDBFF then
        code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(sub(inside, at + 2, at + 5), 16) - 0xDC00
        at = at + 6
      end
      parts[#parts + 1] = utf8(code)
    else
      parts[#parts + 1] = CHARACTERS[mark] or mark
    end
    slash = find(inside, "\\", at, true)
  end
  return at == 1 and inside or table.concat(parts) .. sub(inside, at)
end

-- The position after a number, and whether it is written without fraction and exponent; or nothing and what is wanted.
local function number_end(text, at)
  local digits = byte(text, at) == 45 and at + 1 or at -- after a minus
  local _, last = find(text, "^%d+", digits)
  if not last then return nil, "a value" end
  if last > digits and byte(text, digits) == 48 then return nil, "a number without leading zeros" end
  local here = byte(text, last + 1)
  local plain = true
  if here == 46 then -- a point
    _, last = find(text, "^%d+", last + 2)
    if not last then return nil, "digits after the decimal point" end
    plain, here = false, byte(text, last + 1)
  end
  if here == 69 or here == 101 then -- E, e
    _, last = find(text, "^[+-]?%d+", last + 2)
    if not last then return nil, "digits in the exponent" end
    plain = false
  end
  return last + 1, plain
end

local LITERALS = { [102] = "false", [110] = "null", [116] = "true" }

local function literal_end(text, at)
  local word = LITERALS[byte(text, at)]
  if sub(text, at, at + #word - 1) ~= word then malformed(at, "a value") end
  return at + #word
end

-- `at` is the opening bracket: the position of the first element, or nothing and the position after the closing one.
local function first(text, at, closing)
  local here = byte(text, at + 1)
  at = at + 1
  if here and here <= SPACE then at, here = skip_space(text, at) end
  if here == closing then return nil, at + 1 end
  return at
end

-- `at` is the position after an element: the position of the next one, or nothing and the position after the bracket.
local function following(text, at, closing)
  local here = byte(text, at)
  if here and here <= SPACE then at, here = skip_space(text, at) end
  if here == closing then return nil, at + 1 end
  if here ~= COMMA then malformed(at, "a comma or " .. char(closing)) end
  here = byte(text, at + 1)
  at = at + 1
  if here and here <= SPACE then at = skip_space(text, at) end
  return at
end

-- `at` is where the name of a field must begin: the name as it is written, and the position of its value.
local function name_end(text, at)
  if byte(text, at) ~= QUOTE then malformed(at, "a name in double quotes") end
  local after = string_end(text, at)
  local name = sub(text, at + 1, after - 2)
  local here = byte(text, after)
  if here and here <= SPACE then after, here = skip_space(text, after) end
  if here ~= COLON then malformed(after, "a colon") end
  here = byte(text, after + 1)
  after = after + 1
  if here and here <= SPACE then after = skip_space(text, after) end
  return name, after
end

-- Any value whatever, nested `depth` levels deep. Names of an object are unique.
local function any_end(text, at, depth)
  local here = byte(text, at)
  if here == QUOTE then return string_end(text, at) end
  if LITERALS[here] then return literal_end(text, at) end
  if here ~= OPEN_OBJECT and here ~= OPEN_LIST then
    local after, wanted = number_end(text, at)
    return after or malformed(at, wanted)
  end
  if depth > DEEPEST then malformed(at, "at most " .. DEEPEST .. " levels of nesting") end
  local closing = here + 2
  local names = {}
  local element, after = first(text, at, closing)
  while element do
    if here == OPEN_OBJECT then
      local name, value = name_end(text, element)
      name = unescaped(name)
      if names[name] then malformed(element, "each name once in an object") end
      names[name] = true
      element = value
    end
    element, after = following(text, any_end(text, element, depth + 1), closing)
  end
  return after
end

return {
  DEEPEST = DEEPEST,
  QUOTE = QUOTE,
  OPEN_LIST = OPEN_LIST,
  OPEN_OBJECT = OPEN_OBJECT,
  CLOSE_OBJECT = CLOSE_OBJECT,
  begin = begin,
  malformed = malformed,
  skip_space = skip_space,
  string_end = string_end,
  unescaped = unescaped,
  number_end = number_end,
  literal_end = literal_end,
  first = first,
  following = following,
  name_end = name_end,
  any_end = any_end,
}
