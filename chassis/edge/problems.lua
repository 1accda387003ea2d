-- Errors in the one shape, `google.rpc.Status` as JSON. Reasons, codes and statuses are the contract's.
local find, format, gsub, sub = string.find, string.format, string.gsub, string.sub

-- Listed in one answer.
local MOST_VIOLATIONS = 20
-- Bytes of a name that an answer repeats: names are as long as a caller likes.
local MOST_OF_A_NAME = 64

-- UTF-8 by RFC 3629, a character at a time: no overlong forms, no surrogates.
local CHARACTERS = {
  "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

-- The text with a question mark for each byte that belongs to no character.
local function whole_characters(text)
  return (gsub(text, "[\128-\255]+", function(bytes)
    local kept, at = {}, 1
    while at <= #bytes do
      local last
      for _, pattern in ipairs(CHARACTERS) do
        last = select(2, find(bytes, pattern, at))
        if last then break end
      end
      kept[#kept + 1] = last and sub(bytes, at, last) or "?"
      at = (last or at) + 1
    end
    return table.concat(kept)
  end))
end

local function shortened(name)
  if #name <= MOST_OF_A_NAME then return name end
  return whole_characters(sub(name, 1, MOST_OF_A_NAME)) .. "…"
end

-- As a JSON string.
local function quoted(text)
  local escaped = gsub(whole_characters(text), '[%c"\\]', function(char)
    return format("\\u%04x", string.byte(char))
  end)
  return '"' .. escaped .. '"'
end

local function detail(kind, fields)
  return format('{"@type":"type.googleapis.com/google.rpc.%s",%s}', kind, fields)
end

-- Status and body of an error. `violations` is a list of field and description, and may be nil, as may `metadata`.
local function answer(reason, message, request_id, violations, metadata)
  local known = tables.reasons[reason]
  local pairs_of = {}
  for key, value in pairs(metadata or {}) do
    pairs_of[#pairs_of + 1] = quoted(key) .. ":" .. quoted(value)
  end
  local more = #pairs_of > 0 and format(',"metadata":{%s}', table.concat(pairs_of, ",")) or ""
  local info = format('"reason":%s,"domain":%s%s', quoted(reason), quoted(tables.domain), more)
  local details = { detail("ErrorInfo", info) }
  if violations then
    local listed = {}
    for position, each in ipairs(violations) do
      listed[position] = format('{"field":%s,"description":%s}', quoted(each.field), quoted(each.description))
    end
    details[2] = detail("BadRequest", format('"fieldViolations":[%s]', table.concat(listed, ",")))
  end
  details[#details + 1] = detail("RequestInfo", format('"requestId":%s', quoted(request_id or "")))
  local all = table.concat(details, ",")
  return known.status, format('{"code":%d,"message":%s,"details":[%s]}', known.code, quoted(message), all)
end

return { MOST_VIOLATIONS = MOST_VIOLATIONS, answer = answer, quoted = quoted, shortened = shortened }
